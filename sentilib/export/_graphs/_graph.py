"""Graph: an ONNX graph that grows node by node."""

from typing import Any

import numpy as np

from sentilib._optional import import_optional

# ONNX Runtime reads these since 1.14, of February 2023.
_OPERATORS, _ML_OPERATORS, _FORMAT = 18, 3, 8
_MAX_BYTES = 2**31 - 2**20  # protobuf's limit, less what is not in tables


class Graph:
    """An ONNX graph under construction.

    Values are the names of tensors, or arrays, which become constants.
    """

    def __init__(self, what: str) -> None:
        self._onnx = import_optional("onnx", what, "export")
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def add(self, operator: str, *values: str | np.ndarray, **attributes: Any) -> str:
        """Add a node with one output, whose name is returned."""
        names = [value if isinstance(value, str) else self._constant(value) for value in values]
        output = f"{operator}_{len(self._nodes)}"
        node = self._onnx.helper.make_node(operator, names, [output], **attributes)
        self._nodes.append(node)
        return output

    def cast(self, value: str | np.ndarray, dtype: Any) -> str:
        """Convert a value to a dtype."""
        to = self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.add("Cast", value, to=to)

    def sum(self, value: str, axis: int) -> str:
        """Sum over an axis."""
        return self.add("ReduceSum", value, np.array([axis]), keepdims=0)

    def stored(self, table: np.ndarray) -> str:
        """Return a float64 constant that the file contains as float32.

        The runtime converts it once, when it loads the file.
        """
        return self.cast(np.ascontiguousarray(table, dtype=np.float32), np.float64)

    def _constant(self, array: np.ndarray) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants.append(self._onnx.numpy_helper.from_array(array, name))
        return name

    def serialized(
        self, inputs: dict[str, tuple], outputs: dict[str, tuple], metadata: dict[str, str]
    ) -> bytes:
        """Return the file's content.

        Parameters
        ----------
        inputs : dict
            Dtype and shape of each input by name.
        outputs : dict
            Dtype, shape and value of each output by name.
        metadata : dict
            Strings that a runtime shows.
        """
        helper = self._onnx.helper
        for name, (_, _, value) in outputs.items():
            self._nodes.append(helper.make_node("Identity", [value], [name]))

        def declared(name: str, dtype: Any, shape: tuple) -> Any:
            kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
            return helper.make_tensor_value_info(name, kind, shape)

        graph = helper.make_graph(
            self._nodes,
            "sentilib",
            [declared(name, *of) for name, of in inputs.items()],
            [declared(name, *of[:2]) for name, of in outputs.items()],
            self._constants,
        )
        model = helper.make_model(
            graph,
            producer_name="sentilib",
            ir_version=_FORMAT,
            opset_imports=[
                helper.make_opsetid("", _OPERATORS),
                helper.make_opsetid("ai.onnx.ml", _ML_OPERATORS),
            ],
        )
        helper.set_model_props(model, metadata)
        if model.ByteSize() > _MAX_BYTES:
            raise ValueError(
                f"The model has {model.ByteSize():,} bytes, but an ONNX file has at most 2 GB. Fit "
                "it with a smaller vocabulary (max_features) or fewer n-grams (ngram_max_features)."
            )
        return model.SerializeToString()

"""Files in which fitted models run without this library: ONNX, tokenizer.json."""

from typing import TYPE_CHECKING

from sentilib._optional import lazy_names

if TYPE_CHECKING:
    from sentilib.export._onnx import to_onnx
    from sentilib.export._tokenizer_json import to_tokenizer_json

_HOME = {"to_onnx": "_onnx", "to_tokenizer_json": "_tokenizer_json"}

__all__ = ["to_onnx", "to_tokenizer_json"]

__getattr__, __dir__ = lazy_names(__name__, _HOME)

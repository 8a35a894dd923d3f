"""Files in which fitted models run without this library: ONNX, tokenizer.json."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sentilib.export._onnx import to_onnx
    from sentilib.export._tokenizer_json import to_tokenizer_json

_HOME = {"to_onnx": "_onnx", "to_tokenizer_json": "_tokenizer_json"}

__all__ = ["to_onnx", "to_tokenizer_json"]


def __getattr__(name: str) -> object:
    """Import a public name on first use."""
    if name not in _HOME:
        raise AttributeError(f"module 'sentilib.export' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"sentilib.export.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

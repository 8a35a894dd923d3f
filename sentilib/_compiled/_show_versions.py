"""What a report of a fault should contain, collected without importing anything heavy."""

import importlib
import importlib.metadata
import json
import os
import platform
import sys
from pathlib import Path

from sentilib._compiled._threads import resolve_n_jobs

_REQUIRED = (
    *("jinja2", "joblib", "keras", "numpy", "pooch", "requests", "scikit-learn", "scipy"),
    *("selectolax", "tensorflow", "urllib3"),
)
_OPTIONAL = (
    *("jax", "torch", "matplotlib", "onnx", "onnxruntime", "pandas", "polars", "pyarrow", "shap"),
    *("skops", "pip", "setuptools", "cython"),
)


def show_versions() -> None:
    """Print the versions of Python and of all dependencies, and what sentilib uses of the machine.

    Please add the output to a report of a fault. Keras and its backend are not imported, so the
    function also works where they do not.

    Examples
    --------
    >>> from sentilib import show_versions
    >>> show_versions()  # doctest: +SKIP
    """
    sections = {
        "System": {
            "python": sys.version.replace("\n", " "),
            "executable": sys.executable,
            "machine": platform.platform(),
        },
        "sentilib": {
            "version": sys.modules["sentilib"].__version__,
            "instructions": _instructions(),
            "threads": resolve_n_jobs(None),
            "backend": _backend(),
        },
        "Python dependencies": {name: _version(name) for name in _REQUIRED},
        "Optional and for the build": {name: _version(name) for name in _OPTIONAL},
    }
    for title, lines in sections.items():
        print(f"\n{title}:")
        for name, value in lines.items():
            print(f"{name:>14}: {value}")


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _instructions() -> str:
    """Return the instruction set that the kernels use, and those of the processor."""
    try:
        module = importlib.import_module("sentilib._compiled._instructions")
    except ImportError as error:
        return f"not available ({error})"
    return f"{module.NAME} (of {', '.join(module.AVAILABLE)})"


def _backend() -> str:
    """Return the backend of Keras, found as Keras finds it; it may be missing."""
    if keras := sys.modules.get("keras"):
        return keras.config.backend()
    if name := os.environ.get("KERAS_BACKEND"):
        return name
    home = os.environ.get("KERAS_HOME") or Path("~").expanduser() / ".keras"
    try:
        config = json.loads(Path(home, "keras.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        config = {}
    return config.get("backend", "tensorflow")

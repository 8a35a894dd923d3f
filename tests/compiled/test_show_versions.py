"""show_versions: what a report of a fault needs."""

import configparser
import importlib.metadata
import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import sentilib
from sentilib._compiled import _show_versions


def shown(capsys):
    sentilib.show_versions()
    return dict(re.findall(r"^ *([\w-]+): (.+)$", capsys.readouterr().out, re.MULTILINE))


def test_it_names_each_requirement_and_what_the_kernels_use(capsys):
    import sentilib._compiled._instructions as _instructions

    lines = shown(capsys)
    config = configparser.ConfigParser()
    config.read(Path(__file__).parents[2] / "setup.cfg")
    required = re.findall(r"^([\w-]+)", config["options"]["install_requires"], re.MULTILINE)
    assert len(required) > 8
    assert {name: lines[name] for name in required} == {
        name: importlib.metadata.version(name) for name in required
    }
    assert lines["numpy"] == np.__version__ and lines["version"] == sentilib.__version__
    assert lines["instructions"].startswith(f"{_instructions.NAME} (of baseline")
    assert int(lines["threads"]) >= 1
    assert lines["python"].startswith(".".join(map(str, sys.version_info[:3])))


def test_it_works_where_parts_are_missing(capsys, monkeypatch):
    monkeypatch.setattr(_show_versions, "_OPTIONAL", ("no-such-package",))
    monkeypatch.setitem(sys.modules, "sentilib._compiled._instructions", None)
    lines = shown(capsys)
    assert lines["no-such-package"] == "None"
    assert lines["instructions"].startswith("not available (")


@pytest.mark.parametrize(
    ("variable", "file", "backend"),
    [
        ("torch", '{"backend": "jax"}', "torch"),
        (None, '{"backend": "jax"}', "jax"),
        (None, '{"floatx": "float32"}', "tensorflow"),
        (None, "{", "tensorflow"),
        (None, None, "tensorflow"),
    ],
)
def test_the_backend_is_found_as_keras_finds_it(variable, file, backend, monkeypatch, tmp_path):
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_BACKEND", variable or "")
    if file is not None:
        (tmp_path / "keras.json").write_text(file)
    assert _show_versions._backend() == backend


def test_the_backend_of_an_imported_keras_comes_first(monkeypatch):
    config = types.SimpleNamespace(backend=lambda: "jax")
    monkeypatch.setitem(sys.modules, "keras", types.SimpleNamespace(config=config))
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert _show_versions._backend() == "jax"

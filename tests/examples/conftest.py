"""Examples run without network; in the current folder they create only folders named *_output."""

import socket

import pytest


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    def refuse(*address):
        raise OSError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.delenv("SENTILIB_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert {path.name for path in tmp_path.iterdir() if not path.name.endswith("_output")} == set()

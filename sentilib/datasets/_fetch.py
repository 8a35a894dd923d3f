"""Fetch one file over HTTP; only a complete file with the right hash gets its final name."""

import hashlib
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO, NamedTuple

_CHUNK_BYTES = 1 << 18
_TIMEOUT_SECONDS = 30.0
# Answers that may be different in a second; any other 4xx will stay what it is.
_TEMPORARY_STATUS = (408, 425, 429)


class RemoteFile(NamedTuple):
    """A file's name on disk, its address and the SHA-256 of its content."""

    filename: str
    url: str
    sha256: str


class _Interrupted(Exception):
    """The network failed in a way that another attempt may mend."""


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary neighbour of `path` that replaces it if the block succeeds.

    Readers see the old file, none, or the whole new one, whoever else writes at the same time.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        with open(temporary, "xb") as stream:
            yield stream
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def fetch(remote: RemoteFile, folder: Path, *, n_retries: int, delay: float, verbose: bool) -> Path:
    """Download `remote` into `folder`, trying `n_retries` more times when the network fails."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / remote.filename
    for attempt in range(n_retries + 1):
        if attempt:
            time.sleep(delay)
        try:
            _download(remote, path, _Progress(remote.filename) if verbose else _silent)
            return path
        except _Interrupted as interruption:
            reason = interruption
            if verbose and attempt < n_retries:
                print(f"\n{reason}; trying again in {delay:g} s", file=sys.stderr)
    raise OSError(
        f"Could not download {remote.url} in {n_retries + 1} attempt(s); the last one ended with: "
        f"{reason}."
    )


def _download(remote: RemoteFile, path: Path, report: Callable[[int, int | None], None]) -> None:
    digest = hashlib.sha256()
    received = 0
    with atomic_write(path) as stream:
        for chunk, expected in _read_chunks(remote.url):
            stream.write(chunk)
            digest.update(chunk)
            received += len(chunk)
            report(received, expected)
        if digest.hexdigest() != remote.sha256:
            raise OSError(
                f"{remote.url} sent {received} bytes with SHA-256 {digest.hexdigest()}, expected "
                f"{remote.sha256}: this is not the known release, so nothing was kept. A proxy or "
                "login page may have answered in its place."
            )


def _read_chunks(url: str) -> Iterator[tuple[bytes, int | None]]:
    """Yield (chunk, announced size); every failure of the network leaves as `_Interrupted`."""
    received = 0
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response:
            length = response.headers.get("Content-Length")
            expected = int(length) if length is not None and length.isdecimal() else None
            while chunk := response.read(_CHUNK_BYTES):
                received += len(chunk)
                yield chunk, expected
    except urllib.error.HTTPError as error:
        error.close()
        if 400 <= error.code < 500 and error.code not in _TEMPORARY_STATUS:
            raise OSError(
                f"{url} answered with HTTP status {error.code} ({error.reason})."
            ) from error
        raise _Interrupted(f"HTTP status {error.code} ({error.reason})") from error
    except (OSError, HTTPException) as error:
        raise _Interrupted(f"{type(error).__name__}: {error}") from error
    # A connection that closes early is no error to `read`: only the count tells.
    if expected is not None and received != expected:
        raise _Interrupted(f"the connection closed after {received} of {expected} bytes")


def _silent(received: int, expected: int | None) -> None:
    pass


class _Progress:
    """One line on stderr, rewritten at every tenth of the file (10 MB if its size is unknown)."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.shown = -1

    def __call__(self, received: int, expected: int | None) -> None:
        step = 10 * received // expected if expected else received // 10_000_000
        if step == self.shown:
            return
        self.shown = step
        total = f" of {expected / 1e6:.1f}" if expected else ""
        end = "\n" if received == expected else ""
        print(
            f"\rDownloading {self.name}: {received / 1e6:.1f}{total} MB",
            end=end,
            file=sys.stderr,
            flush=True,
        )

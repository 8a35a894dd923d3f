"""Download a file through pooch, and try again where another attempt may help.

pooch itself would also repeat what does not change (a missing page, a wrong file), it chooses its
delays, and its log cannot be silenced for one call: hence its downloader alone, in a loop.
"""

import sys
import time
from pathlib import Path
from typing import BinaryIO, NamedTuple

from sentilib._files import atomic_write
from sentilib._optional import import_optional

_CHUNK_BYTES = 1 << 18
_TIMEOUT_SECONDS = 30.0
# Responses that may be different in a second; any other 4xx stays what it is.
_TEMPORARY_STATUS = (408, 425, 429)


class RemoteFile(NamedTuple):
    """A file's name on disk, its address, and the number of bytes and SHA-256 of its content."""

    filename: str
    url: str
    size: int
    sha256: str


class _Bounded:
    """A file to write to, up to a number of bytes."""

    def __init__(self, stream: BinaryIO, remote: RemoteFile) -> None:
        self._stream, self._remote = stream, remote

    def write(self, chunk: bytes) -> None:
        if self._stream.tell() + len(chunk) > self._remote.size:
            raise OSError(
                f"{self._remote.url} sends more than the {self._remote.size} bytes expected: this "
                "is not the known release, so nothing was kept. A proxy or login page may have "
                "answered in its place."
            )
        self._stream.write(chunk)

    def flush(self) -> None:
        self._stream.flush()


def fetch(remote: RemoteFile, folder: Path, *, n_retries: int, delay: float, verbose: bool) -> Path:
    """Download `remote` into `folder`, with `n_retries` further attempts if the network fails."""
    errors = import_optional("requests.exceptions", "Downloading", None)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / remote.filename
    for attempt in range(n_retries + 1):
        if attempt:
            time.sleep(delay)
        try:
            _download(remote, path, verbose)
            return path
        except errors.HTTPError as error:
            response = error.response
            assert response is not None
            response.close()
            failure = f"HTTP status {response.status_code} ({response.reason})"
            if response.status_code < 500 and response.status_code not in _TEMPORARY_STATUS:
                raise OSError(f"{remote.url} answered with {failure}.") from error
        except errors.RequestException as error:
            failure = f"{type(error).__name__}: {error}"
        if verbose and attempt < n_retries:
            print(f"\n{failure}; trying again in {delay:g} s", file=sys.stderr)
    raise OSError(
        f"Could not download {remote.url} in {n_retries + 1} attempt(s); the last one ended with: "
        f"{failure}."
    )


def _download(remote: RemoteFile, path: Path, verbose: bool) -> None:
    pooch = import_optional("pooch", "Downloading", None)
    if verbose:
        print(f"Downloading {remote.filename} from {remote.url}", file=sys.stderr)
    # Not to be decoded on the way: the hash is that of the compressed file.
    headers = {"Accept-Encoding": "identity"}
    download = pooch.HTTPDownloader(
        verbose, _CHUNK_BYTES, timeout=_TIMEOUT_SECONDS, headers=headers
    )
    with atomic_write(path) as stream:
        download(remote.url, _Bounded(stream, remote), None)
        digest = pooch.file_hash(stream.name)
        if digest != remote.sha256:
            raise OSError(
                f"{remote.url} sent {stream.tell()} bytes with SHA-256 {digest}, expected "
                f"{remote.sha256}: this is not the known release, so nothing was kept. A proxy or "
                "login page may have answered in its place."
            )

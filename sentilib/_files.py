"""Files that are written completely or not at all."""

import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows, where a file that is open cannot be deleted
    fcntl = None  # type: ignore[assignment]


def is_stream(path: Path) -> bool:
    """Return whether a path names no file on a disk: a device, a pipe, an open descriptor."""
    if path.exists() and not path.is_file():
        return not path.is_dir()
    for _ in range(40):  # /dev/stdout is a link to /proc/self/fd/1, which is one to any file
        folder = Path(os.path.realpath(path.parent))
        if folder.is_relative_to("/proc"):
            return True
        if not path.is_symlink():
            break
        path = folder / os.readlink(path)
    return False


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path`, which replaces `path` if the block succeeds.

    Other threads and processes see the old file, no file, or the complete new one, with the
    permissions of the old one. A symbolic link remains, and the file that it leads to is replaced.
    A device or pipe is written to directly. Temporary files of processes that were killed are
    removed.
    """
    if is_stream(path):
        with open(path, "wb") as stream:
            yield stream
        return
    path = Path(os.path.realpath(path))
    _remove_abandoned(path)
    with _open_temporary(path) as stream:
        temporary = Path(stream.name)
        try:
            if path.exists():
                before = path.stat()
                with suppress(OSError, AttributeError):  # another's file; Windows
                    os.chown(temporary, before.st_uid, before.st_gid)
                temporary.chmod(stat.S_IMODE(before.st_mode))
            yield stream
            stream.close()
            os.replace(temporary, path)
        finally:
            stream.close()
            temporary.unlink(missing_ok=True)


def _open_temporary(path: Path) -> BinaryIO:
    while True:
        stream = open(path.with_name(f".{path.name}.{uuid.uuid4().hex}.part"), "xb")
        _lock(stream)
        if fcntl is None or os.fstat(stream.fileno()).st_nlink:
            return stream
        stream.close()  # removed by another process before it was locked


def _lock(stream: BinaryIO) -> bool:
    """Lock a file that is being written, until it is closed; return whether that was possible."""
    with suppress(OSError):  # locked by a process that writes it, or on a disk without locks
        if fcntl is not None:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _remove_abandoned(path: Path) -> None:
    """Remove temporary files of `path` that no process writes."""
    start, end = f".{path.name}.", ".part"
    names: list[str] = []
    with suppress(OSError):
        names = os.listdir(path.parent)
    for name in names:
        if name.startswith(start) and name.endswith(end) and len(name) == len(start + end) + 32:
            with suppress(OSError), open(path.with_name(name), "rb") as stream:
                if _lock(stream):
                    if fcntl is None:
                        stream.close()
                    os.unlink(stream.name)

"""Outputs that a killed command leaves unfinished, and the same command completes.

Beside an output `reviews.csv` there is a folder `reviews.csv.unfinished` until it is complete:

- `lock` is locked by the process that writes;
- `data` is the output itself, a file or a folder; `merged` is one file made of that folder;
- `journal.json` describes the task (input, model, options) and says how many rows of the input are
  contained in how many bytes, or files, of `data`. What is beyond was not committed: it is removed.

The journal is replaced atomically, after the data have reached the disk. At the end it says so, and
the result is renamed to the output; whoever finds that only repeats the renaming.
"""

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from sentilib._files import atomic_write

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_VERSION = 1


class Unfinished:
    """The folder of an output that is being written.

    Parameters
    ----------
    target : Path
        The output.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    OSError
        If the output exists, or cannot be written.
    """

    def __init__(self, target: Path, *, overwrite: bool) -> None:
        self.target = target
        self.folder = target.with_name(f"{target.name}.unfinished")
        self.data = self.folder / "data"
        self.state: dict[str, Any] = {}
        self._journal = self.folder / "journal.json"
        self._overwrite = overwrite
        self._lock: Any = None
        self._is_moved = self._has_moved()
        self._check_target()

    def open(self, task: dict[str, Any], *, restart: bool) -> None:
        """Begin a task, or find out how far it got.

        Parameters
        ----------
        task : dict
            What determines the output. If an unfinished output has another task, it is an error.
        restart : bool
            Whether to discard what is unfinished.
        """
        self.folder.mkdir(exist_ok=True)
        self._lock = open(self.folder / "lock", "ab")
        if fcntl is not None:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                self._lock.close()
                self._lock = None
                raise ValueError(f"Another process is writing {self.target}.") from None
        task = {"version": _VERSION, **task}
        if self._is_moved:
            self.state = {"rows": 0, "done": True, "result": None}
        elif self._journal.exists() and not restart:
            try:
                self._resume(task)
            except BaseException:
                self.close()
                raise
        else:
            self._discard()
            self.state = {"task": task, "rows": 0}

    def _check_target(self) -> None:
        if not self.target.parent.is_dir():
            raise FileNotFoundError(f"There is no folder {str(self.target.parent)!r}.")
        if self._is_moved:
            return
        if self.target.is_dir() and any(self.target.iterdir()):
            raise FileExistsError(f"The folder {str(self.target)!r} is not empty: choose another.")
        if self.target.is_file() and not self._overwrite:
            raise FileExistsError(
                f"{str(self.target)!r} exists already: pass --overwrite to replace it at the end."
            )

    def _has_moved(self) -> bool:
        """Return whether a process was killed after it had renamed the output."""
        if not (self.folder.is_dir() and self.target.exists()):
            return False
        if not any(self.folder.iterdir()):  # just before it would have removed the folder
            return not self._overwrite  # or at the very beginning, before an old output
        try:
            state = json.loads(self._journal.read_bytes())
        except (OSError, ValueError):
            return False
        return bool(state.get("done")) and not (self.folder / state["result"]).exists()

    def _resume(self, task: dict[str, Any]) -> None:
        self.state = json.loads(self._journal.read_bytes())
        before = self.state["task"]
        differs = [key for key in task | before if task.get(key) != before.get(key)]
        if differs:
            raise ValueError(
                f"{self.folder} contains an unfinished output of another command (different: "
                f"{', '.join(differs)}): pass --restart to discard it, or another --output."
            )

    def _discard(self) -> None:
        """Remove all but the lock; the journal, which says that there is something, at the end."""
        if self.data.is_dir():
            shutil.rmtree(self.data)
        for name in ("data", "merged", self._journal.name):
            (self.folder / name).unlink(missing_ok=True)

    @property
    def rows(self) -> int:
        """Number of rows of the input that are contained in the output."""
        return self.state["rows"]

    def commit(self, rows: int, **state: Any) -> None:
        """Note that the output contains so many rows; the data must be on the disk."""
        self.state.update(state, rows=rows)
        with atomic_write(self._journal) as stream:
            stream.write(json.dumps(self.state).encode())

    def finish(self, result: str = "data") -> None:
        """Rename the result, a file or folder beside the journal, and remove what is left."""
        if not self.state.get("done"):
            self.commit(self.rows, done=True, result=result)
        result = self.state["result"]  # None: it was moved by a process that was killed then
        if result is not None and (self.folder / result).exists():
            os.replace(self.folder / result, self.target)
        self._lock.close()
        (self.folder / "lock").unlink(missing_ok=True)
        self._discard()
        self._remove()

    def close(self) -> None:
        """Leave the folder for the same command, if it contains anything."""
        if self._lock is not None and not self._lock.closed:
            if not self._journal.exists():
                self._discard()
                self._remove()
            self._lock.close()

    def _remove(self) -> None:
        (self.folder / "lock").unlink(missing_ok=True)
        with suppress(OSError):  # a file that is not ours
            self.folder.rmdir()

"""Files that are written completely or not at all, and what they replace."""

import os
import stat
import subprocess
import sys
import threading

import pytest

from sentilib._files import atomic_write, is_stream
from sentilib._pages._page import writable_path

posix = pytest.mark.skipif(sys.platform == "win32", reason="permissions and devices of POSIX")


def write(path, content=b"new"):
    with atomic_write(writable_path(path)) as stream:
        stream.write(content)


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_a_file_keeps_its_permissions(mode, tmp_path):
    path = tmp_path / "report.html"
    path.write_bytes(b"old")
    path.chmod(mode)
    with atomic_write(path) as stream:
        assert stat.S_IMODE(os.fstat(stream.fileno()).st_mode) == mode  # before anything is written
        stream.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert os.listdir(tmp_path) == ["report.html"]


@posix
def test_a_symbolic_link_remains_and_its_file_is_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    target, link, other = tmp_path / "folder" / "file", tmp_path / "link", tmp_path / "other"
    link.symlink_to("folder/file")
    other.symlink_to(link)
    for content in (b"created", b"replaced"):
        write(other, content)
        assert other.is_symlink() and link.is_symlink() and not target.is_symlink()
        assert target.read_bytes() == content
    assert sorted(os.listdir(tmp_path)) == ["folder", "link", "other"]


@posix
def test_devices_and_pipes_are_written_to_and_remain(tmp_path):
    write("/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write(pipe)
    reader.join(timeout=30)
    assert read == [b"new"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="needs the descriptors of Linux")
@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_standard_output_is_written_to_wherever_it_leads(name, tmp_path):
    code = (
        "from sentilib._files import atomic_write; from pathlib import Path\n"
        f"with atomic_write(Path({name!r})) as stream: stream.write(b'new')\n"
    )
    command = [sys.executable, "-c", code]
    piped = subprocess.run(command, stdout=subprocess.PIPE, timeout=60, check=True).stdout
    assert piped == b"new"
    path = tmp_path / "output"
    with open(path, "wb") as stream:
        inode = os.fstat(stream.fileno()).st_ino
        subprocess.run(command, stdout=stream, timeout=60, check=True)
    assert path.read_bytes() == b"new" and path.stat().st_ino == inode


def test_ordinary_files_are_no_streams(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file", tmp_path / "absent"):
        assert not is_stream(path)


def test_a_failed_write_changes_nothing_and_leaves_nothing(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), atomic_write(path) as stream:
        stream.write(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


@posix
def test_temporary_files_are_removed_unless_a_process_writes_them(tmp_path):
    path = tmp_path / "file"
    code = (
        "import sys, time; from pathlib import Path; from sentilib._files import atomic_write\n"
        "with atomic_write(Path(sys.argv[1])) as stream:\n"
        "    stream.write(b'half'); stream.flush(); print('ready', flush=True); time.sleep(60)\n"
    )
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            [half] = os.listdir(tmp_path)
            write(path)
            assert sorted(os.listdir(tmp_path)) == [half, "file"]
        finally:
            process.kill()
    write(path)
    assert os.listdir(tmp_path) == ["file"]

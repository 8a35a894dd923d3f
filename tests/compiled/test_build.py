"""Builds of extension modules: what is compiled, and what an interrupted build leaves."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# The compiler of a build that is killed while it links: half of the module is written by then.
KILLED = """#!/bin/sh
case " $* " in
*" -shared "*)
    while [ $# -gt 1 ]; do [ "$1" = -o ] && printf half > "$2"; shift; done
    kill -KILL $PPID
    sleep 60 ;;
*) exec {compiler} "$@" ;;
esac
"""


def build(folder, **environment):
    return subprocess.run(
        [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the killed compiler is a shell script")
def test_a_build_killed_while_it_links_is_begun_again(tmp_path):
    pytest.importorskip("Cython", reason="needs Cython, which the extra test installs")
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if not shutil.which(compiler):
        pytest.skip(f"needs the C compiler {compiler}")
    package = tmp_path / "sentilib"
    (package / "_compiled").mkdir(parents=True)
    for folder in (package, package / "_compiled"):
        (folder / "__init__.py").touch()
    (package / "_answer.pyx").write_text("def answer() -> int:\n    return 42\n")
    for name in ("setup.py", "build_backend.py"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "pyproject.toml").touch()
    script = tmp_path / "killed"
    script.write_text(KILLED.format(compiler=compiler))
    script.chmod(0o700)

    assert build(tmp_path, CC=str(script)).returncode == -9
    completed = build(tmp_path)
    assert completed.returncode == 0, completed.stderr
    command = [sys.executable, "-c", "import sentilib._answer as m; print(m.answer())"]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert printed.stdout == "42\n", printed.stderr

    modules = {path: path.stat().st_mtime_ns for path in package.rglob("*.so")}
    assert len(modules) == 2
    assert build(tmp_path).returncode == 0
    assert {path: path.stat().st_mtime_ns for path in modules} == modules

"""Setuptools' build backend, with a C compiler from the package index where none is installed."""

import os
import shutil
import sys
import sysconfig
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403

_ZIGLANG = "ziglang >= 0.13, < 1"  # clang as a wheel: `python -m ziglang cc`


def installed_compiler() -> str | None:
    """Return the command of an installed C compiler, or None; $CC and Windows decide themselves."""
    if os.environ.get("CC") or sys.platform == "win32":
        return os.environ.get("CC", "cl")
    configured = (sysconfig.get_config_var("CC") or "cc").split()
    if shutil.which(configured[0]):
        return " ".join(configured)
    return next(filter(shutil.which, ("cc", "gcc", "clang")), None)


def _with_compiler(requirements: list[str]) -> list[str]:
    return requirements if installed_compiler() else [*requirements, _ZIGLANG]


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    """Return what a wheel is built with."""
    return _with_compiler(build_meta.get_requires_for_build_wheel(config_settings))


def get_requires_for_build_editable(config_settings: Any = None) -> list[str]:
    """Return what an editable installation is built with."""
    return _with_compiler(build_meta.get_requires_for_build_editable(config_settings))

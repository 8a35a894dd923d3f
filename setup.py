"""Build of the extension modules: each .pyx file of the package is one."""

import os
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

from build_backend import installed_compiler

SHARED = "sentilib._compiled._cython"  # what Cython otherwise writes into each module
HEADERS = sorted(map(str, Path("sentilib").rglob("*.h")))
DECLARATIONS = sorted(map(str, Path("sentilib").rglob("*.pxd")))
DIRECTIVES = {
    "boundscheck": False,  # each kernel checks its arguments at its door
    "cdivision": True,
    "freethreading_compatible": True,
    "initializedcheck": False,
    "language_level": 3,
    "wraparound": False,
}


class BuildExtensions(build_ext):
    """Compile what changed, with the installed compiler or with that of ziglang."""

    def finalize_options(self) -> None:
        """Use all cores; keep what editable installations have built, so that it is reused."""
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()
        if self.editable_mode:
            self.build_lib = str(Path("build", f"editable-{sys.implementation.cache_tag}"))

    def build_extensions(self) -> None:
        """Compile all modules; say in one line what is missing."""
        if not Path(sysconfig.get_path("include"), "Python.h").exists():
            raise CompileError(
                "sentilib needs the headers of Python (Python.h): install python3-dev or "
                "python3-devel, or take a Python that contains them, as python.org's and uv's do."
            )
        # Equal sums, whatever the processor; square roots in vectors.
        options = ["-O3", "-ffp-contract=off", "-fno-math-errno", "-g0"]
        if self.compiler.compiler_type == "msvc":
            options = ["/O2", "/fp:precise"]
        elif compiler := installed_compiler():
            if not os.environ.get("CC") and compiler != sysconfig.get_config_var("CC"):
                self.compiler.set_executables(
                    compiler_so=f"{compiler} -fPIC", linker_so=f"{compiler} -shared"
                )
        elif find_spec("ziglang"):
            zig = [sys.executable, "-m", "ziglang", "cc", "-mcpu=baseline"]
            self.compiler.compiler_so = [*zig, "-fPIC", "-fno-sanitize=undefined"]
            self.compiler.linker_so = [*zig, "-shared"]
        else:
            raise CompileError(
                "sentilib needs a C compiler: install gcc or clang, or run pip install ziglang."
            )
        for extension in self.extensions:
            extension.extra_compile_args = options
        link = self.compiler.link_shared_object

        def link_whole(objects: list[str], path: str, *args: Any, **kwargs: Any) -> None:
            """Give a module its name once it is whole: an interrupted build is begun again."""
            link(objects, f"{path}.part", *args, **kwargs)
            os.replace(f"{path}.part", path)

        self.compiler.link_shared_object = link_whole
        super().build_extensions()

    def build_extension(self, extension: Extension) -> None:
        """Translate a module to C and compile it, unless it is newer than all that it reads."""
        built = Path(self.get_ext_fullpath(extension.name))
        read = [*extension.sources, *extension.depends]
        if built.exists() and all(built.stat().st_mtime > os.stat(path).st_mtime for path in read):
            return
        target = Path(self.build_temp, *extension.name.split(".")).with_suffix(".c")
        target.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "cython"]
        if extension.name == SHARED:
            command += ["--generate-shared", str(target)]
        else:
            for name, value in DIRECTIVES.items():
                command += ["--directive", f"{name}={value}"]
            command += ["--shared", SHARED, "--output-file", str(target), *extension.sources]
        if subprocess.run(command, check=False).returncode:
            raise CompileError(f"Cython cannot translate {extension.name}.")
        sources, extension.sources = extension.sources, [str(target)]
        super().build_extension(extension)
        extension.sources = sources


def extension(name: str, *sources: str) -> Extension:
    """Return the module of a .pyx file, which reads the package's C files beside it."""
    return Extension(
        name,
        [*sources],
        include_dirs=sorted({str(Path(header).parent) for header in HEADERS}),
        depends=["setup.py", *DECLARATIONS, *HEADERS],
    )


setup(
    ext_modules=[
        extension(SHARED),
        *(
            extension(".".join(path.with_suffix("").parts), str(path))
            for path in sorted(Path("sentilib").rglob("*.pyx"))
        ),
    ],
    cmdclass={"build_ext": BuildExtensions},
)

"""Build of the extension modules: each .pyx file of the package is one."""

import os
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

import Cython
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

from build_backend import installed_compiler

HEADERS = sorted(map(str, Path("sentilib").rglob("*.h")))
DIRECTIVES = {
    "boundscheck": False,  # each kernel checks its arguments at its door
    "cdivision": True,
    "freethreading_compatible": True,
    "initializedcheck": False,
    "language_level": 3,
    "wraparound": False,
}
SHARED = "sentilib._compiled._cython"  # what Cython otherwise writes into each module


class BuildExtensions(build_ext):
    """Compile with the installed compiler, or with that of ziglang."""

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
        options = ["-O3", "-ffp-contract=off", "-g0"]  # equal sums, whatever the processor
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
        super().build_extensions()


generated = f"build/cython-{Cython.__version__}"
shared = f"{generated}/{SHARED.replace('.', '/')}.c"
if not Path(shared).exists():
    Path(shared).parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, "-m", "cython", "--generate-shared", shared], check=True)
kernels = [
    Extension(
        ".".join(path.with_suffix("").parts),
        [str(path)],
        include_dirs=sorted({str(Path(header).parent) for header in HEADERS}),
        depends=HEADERS,
    )
    for path in sorted(Path("sentilib").rglob("*.pyx"))
]
kernels = cythonize(
    kernels,
    build_dir=generated,
    compiler_directives=DIRECTIVES,
    shared_utility_qualified_name=SHARED,
)
setup(ext_modules=[Extension(SHARED, [shared]), *kernels], cmdclass={"build_ext": BuildExtensions})

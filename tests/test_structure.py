"""The structure of the package, read from its source."""

import ast
from pathlib import Path

import sentilib

PACKAGE = Path(sentilib.__file__).parent
SOURCES = {
    path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
}


def imported_names(tree):
    """Return the dotted names that a module imports, `from a import b` as "a.b"."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_private(name):
    """Tell whether a part of a dotted name begins with one underscore."""
    return any(part.startswith("_") and not part.startswith("__") for part in name.split("."))


def test_private_names_of_scikit_learn_enter_through_one_module():
    users = {
        file
        for file, tree in SOURCES.items()
        for name in imported_names(tree)
        if name.startswith("sklearn.") and is_private(name)
    }
    assert users == {"_sklearn.py"}

"""The structure of the package, read from its source: what imports what, how long, how many."""

import ast
import graphlib
import re
from pathlib import Path

import pytest

import sentilib
import sentilib.inspection

PACKAGE = Path(sentilib.__file__).parent

# From the ground up. A module imports from lower rows only, and from its own room; a name is a file
# or a folder of the package.
LAYERS = [
    ["_compiled", "_files", "_optional", "_sklearn"],
    ["_ids"],
    ["_ngrams", "_text", "datasets"],
    ["_tables"],
    ["_training"],
    ["_classifier"],
    ["_conv_classifier", "_dense_classifier", "_html_tokenizer"],
    ["_pipelines"],
    ["export"],
    ["_plotting"],
    ["_pages"],
    ["explain"],
    ["inspection"],
    ["__init__"],
    ["_cli"],
    ["__main__"],
]


def module_name(path):
    """Return the dotted name of a file within the package, "__init__" for the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def imports_of(path):
    """Return the imports of a Cython file, of modules and of C declarations, as Python."""
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"import \([^)]*\)", lambda lines: lines[0].replace("\n", ""), text)
    lines = re.findall(r"^(?:from sentilib.* )?c?import .*", text, re.MULTILINE)
    return re.sub(r"\bcimport\b", "import", "\n".join(lines))


FILES = {
    module_name(path): path
    for path in sorted([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.pyx"), *PACKAGE.rglob("*.pxd")])
}
TREES = {
    name: ast.parse(path.read_text(encoding="utf-8") if path.suffix == ".py" else imports_of(path))
    for name, path in FILES.items()
}


def nodes_that_run(node):
    """Yield a tree's nodes, without those under `if TYPE_CHECKING`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from nodes_that_run(child)


def imported_names(module):
    """Yield the dotted names that a module imports, `from a import b` as "a.b"."""
    package = ["sentilib", *module.split(".")]
    if FILES[module].name != "__init__.py" or module == "__init__":
        package.pop()
    for node in nodes_that_run(TREES[module]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = package[: len(package) - node.level + 1] if node.level else []
            origin = [*origin, *([node.module] if node.module else [])]
            yield from (".".join([*origin, alias.name]) for alias in node.names)


def own_module(name):
    """Return the module of the package that contains an imported name, None for other packages."""
    head, *parts = name.split(".")
    if head != "sentilib":
        return None
    while parts and ".".join(parts) not in FILES:
        parts.pop()
    return ".".join(parts) or "__init__"


ARROWS = {
    module: {own_module(name) for name in imported_names(module)} - {None, module}
    for module in FILES
}


def layer(module):
    """Return the row of `LAYERS` that contains a module's room."""
    return [module.partition(".")[0] in row for row in LAYERS].index(True)


def is_private(name):
    return name.startswith("_") and not name.startswith("__")


def test_the_reader_of_imports_sees_them_all():
    assert "_text._kernels" in ARROWS["_text._scan"]  # at the module's level
    assert "_text._reader" in ARROWS["_text._methods"]  # within a method
    assert "_compiled._memory" in ARROWS["_ngrams._lookup_kernels"]  # of C declarations
    assert "_ids" in ARROWS["_ngrams._lookup_kernels"]  # from a Cython module
    assert ARROWS["__init__"] == {"_optional"}  # all others under TYPE_CHECKING


def test_the_layers_name_every_room():
    assert {module.partition(".")[0] for module in FILES} == {
        name for row in LAYERS for name in row
    }


def test_no_import_circle():
    try:
        list(graphlib.TopologicalSorter(ARROWS).static_order())
    except graphlib.CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_rooms_import_only_from_rooms_below():
    upward = {
        f"{module} -> {target}"
        for module, targets in ARROWS.items()
        for target in targets
        if module.partition(".")[0] != target.partition(".")[0] and layer(module) <= layer(target)
    }
    assert upward == set()


def test_within_a_room_private_folders_lie_below_files_and_files_below_its_face():
    homes = {f"inspection.{home}" for home in sentilib.inspection._HOME.values()}

    def height(module):
        parts = module.split(".")
        return 2 if len(parts) == 1 else 1 if len(parts) == 2 or module in homes else 0

    upward = {
        f"{module} -> {target}"
        for module, targets in ARROWS.items()
        for target in targets
        if module.partition(".")[0] == target.partition(".")[0] and height(module) < height(target)
    }
    assert upward == set()


def test_no_file_is_longer_than_400_lines():
    paths = [*FILES.values(), *PACKAGE.rglob("*.h")]
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in paths}
    assert {path.name: n for path, n in lines.items() if n > 400} == {}


def test_few_files_lie_side_by_side():
    assert len([path for path in PACKAGE.iterdir() if path.is_file()]) <= 12
    assert len(list((PACKAGE / "inspection").glob("*.py"))) <= 12


def test_private_names_of_other_libraries_are_used_in_one_file_each():
    """A private name that the package uses and does not define belongs to another library."""
    defined = {part for module in FILES for part in module.split(".")}
    used = set()
    for module, tree in TREES.items():
        for node in ast.walk(tree):
            match node:
                case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                    defined.add(name)
                case ast.Name(id=name, ctx=ast.Store()):
                    defined.add(name)
                case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                    defined.add(name)
                case ast.Attribute(attr=name):
                    used.add((module, name))
                case ast.Call(
                    func=ast.Name(id="getattr" | "hasattr" | "setattr"),
                    args=[_, ast.Constant(value=name), *_],
                ):
                    used.add((module, name))
    used = {(module, name) for module, name in used if is_private(name) and name not in defined}
    for module in FILES:
        for name in imported_names(module):
            if own_module(name) is None and any(
                map(is_private, name.replace(".src.", "._").split("."))
            ):
                used.add((module, name))
    public = {"_replace"}  # of named tuples
    homes = {"_sklearn", "_training._tensorflow", "_training._torch"}
    assert homes <= {module for module, _ in used}
    assert {use for use in used if use[0] not in homes and use[1] not in public} == set()


def test_weights_and_tables_are_named_not_numbered():
    numbered = set()
    for module, tree in TREES.items():
        for node in ast.walk(tree):
            match node:
                case ast.Subscript(
                    value=ast.Name(id=name) | ast.Attribute(attr=name),
                    slice=ast.Constant(value=int()) | ast.UnaryOp() | ast.Slice(),
                ) if name.endswith(("weights", "tables_", "arrays")) and "kernels" not in module:
                    numbered.add(f"{module}: {ast.unparse(node)}")
    assert numbered == set()


def test_constants_of_the_ids_are_defined_once():
    homes = {}
    for module, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                homes.setdefault(node.id, []).append(module)
            elif isinstance(node, ast.Constant) and node.value == "[OOV]":
                homes.setdefault("[OOV]", []).append(module)
    names = ("PAD", "OOV", "FIRST_WORD", "OOV_WORD", "[OOV]")
    assert {name: homes[name] for name in names} == {name: ["_ids"] for name in names}


def test_an_architecture_has_at_most_eight_hooks_and_each_classifier_one():
    from sentilib import _classifier, _conv_classifier, _dense_classifier
    from sentilib._training import _architecture, _conv, _dense

    hooks = {name for name in vars(_architecture.Architecture) if not name.startswith("_")}
    assert 0 < len(hooks) < 8  # and `_architecture()` of an estimator
    for cls in (_conv.ConvArchitecture, _dense.DenseArchitecture):
        own = {name for name, value in vars(cls).items() if callable(value) and name[0] != "_"}
        assert own == hooks
    base = _classifier.BaseSentimentClassifier
    for module in (_conv_classifier, _dense_classifier):
        (cls,) = (
            value
            for value in vars(module).values()
            if isinstance(value, type) and issubclass(value, base) and value is not base
        )
        own = {name for name, value in vars(cls).items() if callable(value)}
        assert own - {"__init__", "__sklearn_tags__"} == {"_architecture"}


def test_no_test_waits_for_a_subprocess_without_a_limit():
    waits = {}
    for path in Path(__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="subprocess"), attr="run" | "check_output")
                    | ast.Attribute(attr="communicate"),
                    keywords=keywords,
                ):
                    is_limited = "timeout" in {keyword.arg for keyword in keywords}
                    waits[f"{path.name}:{node.lineno}"] = is_limited
    assert len(waits) > 10
    assert {place for place, is_limited in waits.items() if not is_limited} == set()


def test_workflows_name_each_action_by_its_commit():
    workflows = (Path(__file__).parents[1] / ".github" / "workflows").glob("*.yml")
    uses = [line for path in workflows for line in path.read_text().splitlines() if "uses:" in line]
    assert len(uses) > 10
    assert [line for line in uses if not re.search(r"@[0-9a-f]{40} # v\d", line)] == []

"""Help, versions and what the command line imports."""

import re
import shlex
import subprocess
import sys

import click
import pytest
from conftest import Result  # noqa: F401

import sentilib
from sentilib._cli import _commands

COMMANDS = ["train", "evaluate", "predict", "explain", "report", "label-issues", "export"]


def command(name):
    return _commands.sentilib.commands[name]


def test_the_help_lists_the_commands_in_the_order_in_which_one_needs_them(cli):
    done = cli("--help")
    assert (done.code, done.err) == (0, "")
    assert re.findall(r"^  ([a-z-]+)  +[A-Z]", done.out, re.MULTILINE)[-7:] == COMMANDS
    assert "train --help" in done.out
    assert "..." not in done.out.split("Commands:")[1].split("Examples:")[0]  # nothing is cut off


def test_the_version_is_that_of_the_package(cli):
    assert cli("--version").out == f"sentilib, version {sentilib.__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_explains_every_option_in_a_sentence(name, cli):
    done = cli(name, "--help")
    assert done.code == 0 and len(done.out.splitlines()) < 80
    for parameter in command(name).params:
        if isinstance(parameter, click.Option):
            assert max(parameter.opts, key=len) in done.out
            assert parameter.help and parameter.help[-1] in ".]", parameter.name
        else:
            assert parameter.metavar.strip(".") in done.out.split("Options:")[0].split("\n\n", 1)[1]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_in_the_help_name_options_that_exist(name, cli):
    found = re.findall(r"sentilib ([a-z-]+ .*)", cli(name, "--help").out.split("Examples:")[1])
    assert len(found) >= 2
    for example in found:
        words = shlex.split(example.split("|")[0].split(">")[0])
        assert words[0] == name
        with command(name).make_context(name, words[1:]):  # parses, and runs nothing
            pass


def test_help_and_usage_errors_import_nothing_heavy():
    program = """
import sys
from sentilib._cli import main
for arguments in (["--help"], ["predict", "--help"], ["train", "--help"], ["predict"]):
    main(arguments)
heavy = {"numpy", "sklearn", "scipy", "keras", "tensorflow", "pandas", "pyarrow", "skops", "tqdm"}
print("HEAVY", heavy & set(sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.endswith("HEAVY set()\n")


def test_the_module_runs_as_the_program():
    done = subprocess.run(
        [sys.executable, "-m", "sentilib", "predict"], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "sentilib: Missing argument 'MODEL'. See sentilib predict --help.\n"


def test_usage_errors_are_one_line_and_suggest_what_was_meant(cli):
    assert cli("predikt").line == (
        "No such command 'predikt'. Did you mean 'predict'? See sentilib --help."
    )
    done = cli("predict", "model", "input", "--keap", "id")
    assert done.code == 2 and "--keep" in done.line
    done = cli("predict", "model", "input", "--keep", "id", "--keep-none")
    assert done.code == 2 and "exclude each other" in done.line


@pytest.mark.parametrize("module", ["click", "tqdm", "skops"])
def test_a_missing_package_is_named_with_its_installation(module, cli, hide, model_path):
    for name in [name for name in sys.modules if name.partition(".")[0] == module]:
        if module != "click":
            hide(name)
    hide(module)
    done = cli("predict", model_path, "-")
    assert done.code == 1
    assert f"needs {module}: pip install 'sentilib[cli]'" in done.line

"""The commands of docs/command_line.md run as they are written."""

import re
import shlex
from pathlib import Path

import pytest
from conftest import write_csv

PAGE = (Path(__file__).parents[2] / "docs" / "command_line.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_commands_run_one_after_the_other(cli, tmp_path, columns):
    columns = {
        "review": columns["text"],
        "sentiment": columns["label"],
        "movie": columns["movie"],
    }
    write_csv(tmp_path / "reviews.csv", {name: values[:200] for name, values in columns.items()})
    write_csv(tmp_path / "test.csv", {name: values[200:250] for name, values in columns.items()})
    [block] = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    lines = [shlex.split(line) for line in block.splitlines()]
    assert [line[1] for line in lines] == re.findall(
        r"^\| `([a-z-]+)` \| (?:a model|texts)", PAGE, re.M
    )
    for program, *arguments in lines:
        assert program == "sentilib"
        done = cli(*arguments)
        assert done.code == 0, done.err
        for name in re.findall(r"[\w/]+\.\w+", " ".join(arguments)):
            assert (tmp_path / name).stat().st_size > 0


def test_the_exit_codes_are_those_of_the_program():
    from sentilib._cli import _errors

    codes = map(int, re.findall(r"(?:^|\. |\n)(\d+): ", PAGE.split("## Exit codes\n\n")[1]))
    known = _errors.FAULT, _errors.USAGE, _errors.INTERRUPTED, _errors.BROKEN_PIPE
    assert list(codes) == [0, *known]

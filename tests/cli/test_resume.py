"""Predictions that are killed and continue: every row once."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import read_lines, write_csv, write_parquet
from test_predict import read

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")

# Runs a command again and again in forked processes. The k-th is killed at its k-th use of a file,
# and so is a second one that continues; a third one completes the output.
KILLED = """
import os, signal, sys
from sentilib._cli import main

arguments, target = sys.argv[1:-1], sys.argv[-1]
USES = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.rmtree"}


def run(kill_at):
    child = os.fork()
    if child == 0:
        n_uses = 0

        def count(event, args):
            nonlocal n_uses
            if event in USES and args and "unfinished" in str(args[0]):
                n_uses += 1
                if n_uses == kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)

        if kill_at:
            sys.addaudithook(count)
        os._exit(main(arguments))
    return os.waitpid(child, 0)[1]


import sentilib._cli._predict as command
model = command.load_model(arguments[1])
command.load_model = lambda *_, **__: model
n_killed = 0
for kill_at in range(1, 200):
    first = run(kill_at)
    if first != signal.SIGKILL:
        assert first == 0, first
        break
    n_killed += 1
    second = run(kill_at)
    assert second in (0, signal.SIGKILL), second
    n_killed += second != 0
    assert second == 0 or run(0) == 0
    os.rename(target, f"{target}.{kill_at}")
    assert not os.path.exists(f"{target}.unfinished"), kill_at
print(n_killed)
"""


@pytest.mark.slow
@pytest.mark.parametrize("target", ["p.csv", "p.jsonl.gz", "p.parquet", "parts"])
def test_a_command_killed_twice_anywhere_writes_every_row_once(
    target, tmp_path, trained, columns, pipe
):
    n_rows = 100
    columns = {name: values[:n_rows] for name, values in columns.items()}
    write_parquet(tmp_path / "r.parquet", columns, row_group_size=35)
    arguments = ["predict", trained[0] / "model.skops", "r.parquet", "-o", target]
    if target == "parts":
        arguments += ["--output-format", "parquet"]
    arguments += ["--chunk-size", "4" if target.startswith("pa") or "parquet" in target else "40"]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *map(str, arguments), target],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.split()[-1]) > 20
    proba = pipe.predict_proba(columns["text"])[:, 1].tolist()
    outputs = [path for path in tmp_path.iterdir() if path.name.startswith(f"{target}.")]
    assert len(outputs) > 10
    for number, path in enumerate(outputs):
        suffix = "" if path.is_dir() else "".join((tmp_path / target).suffixes)
        path = path.rename(tmp_path / f"done-{number}{suffix}")
        rows = read(path)
        assert [int(row["id"]) for row in rows] == list(range(n_rows))
        assert [float(row["probability_pos"]) for row in rows] == proba


@pytest.fixture
def killed(tmp_path, trained):
    """Return a function that kills a command as soon as it has written something."""

    def kill(*arguments, target="p.jsonl", stdin=None):
        journal = tmp_path / f"{target}.unfinished" / "journal.json"
        command = [sys.executable, "-m", "sentilib", "predict", trained[0] / "model.skops"]
        with subprocess.Popen(
            [*map(str, command), *arguments, "-o", target], cwd=tmp_path, stdin=subprocess.PIPE
        ) as process:
            try:
                if stdin is not None:
                    process.stdin.write(stdin)
                    process.stdin.flush()  # and remains open, so that the command waits for more
                deadline = time.monotonic() + 120
                while not journal.exists() and time.monotonic() < deadline:
                    assert process.poll() is None
                    time.sleep(0.01)
            finally:
                process.kill()
        return json.loads(journal.read_bytes())["rows"]

    return kill


@pytest.mark.slow
def test_standard_input_is_continued_if_it_is_the_same(killed, cli, tmp_path, model_path):
    lines = [f"superb film number {k}\n".encode() for k in range(2000)]
    n_rows = killed("-", "--chunk-size", "7", stdin=b"".join(lines))
    assert 0 < n_rows <= 2000 and n_rows % 7 == 0
    arguments = ["predict", model_path, "-", "-o", "p.jsonl", "--chunk-size", "7"]
    done = cli(*arguments, stdin=b"".join([b"another film\n", *lines[1:]]))
    assert done.code == 1
    assert f"differs from that of the unfinished output in its first {n_rows:,}" in done.err
    done = cli(*arguments, stdin=lines[0])
    assert done.code == 1 and "differs" in done.err
    done = cli(*arguments, stdin=b"".join(lines))
    assert (done.code, done.line) == (0, f"continuing after {n_rows:,} rows.")
    texts = [row["text"] for row in read_lines(tmp_path / "p.jsonl")]
    assert texts == [line.decode().strip() for line in lines]


@pytest.mark.slow
def test_what_determines_the_output_must_be_the_same(killed, cli, tmp_path, model_path):
    path = write_csv(tmp_path / "r.csv", {"text": ["superb"] * 20_000})
    killed("r.csv", "--chunk-size", "20")
    arguments = ["predict", model_path, "r.csv", "-o", "p.jsonl"]
    done = cli(*arguments, "--prefix", "new_")
    assert (
        done.code == 1 and "unfinished output of another command (different: --prefix)" in done.line
    )
    os.utime(path, (0, 0))
    done = cli(*arguments)
    assert done.code == 1 and "(different: input): pass --restart" in done.line
    done = cli(*arguments, "--restart")
    assert (done.code, done.err) == (0, "")
    assert len(read_lines(tmp_path / "p.jsonl")) == 20_000
    assert sorted(os.listdir(tmp_path)) == ["p.jsonl", "r.csv"]


def test_two_commands_do_not_write_one_output(cli, tmp_path, model_path):
    from pathlib import Path

    from sentilib._cli._rows._unfinished import Unfinished

    write_csv(tmp_path / "r.csv", {"text": ["superb"]})
    first = Unfinished(Path("p.csv"), overwrite=False)
    first.open({}, restart=False)
    done = cli("predict", model_path, "r.csv", "-o", "p.csv", "--restart")
    assert done.code == 1 and done.line == "Another process is writing p.csv."
    first.close()
    assert cli("predict", model_path, "r.csv", "-o", "p.csv").code == 0


@pytest.mark.slow
def test_interrupted_by_the_keyboard_it_says_so_and_continues(tmp_path, trained, cli):
    write_csv(tmp_path / "r.csv", {"text": ["superb"] * 30_000})
    command = [sys.executable, "-m", "sentilib", "predict", trained[0] / "model.skops", "r.csv"]
    journal = tmp_path / "p.csv.unfinished" / "journal.json"
    with subprocess.Popen(
        [*map(str, command), "-o", "p.csv", "--chunk-size", "20"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            deadline = time.monotonic() + 120
            while not journal.exists() and time.monotonic() < deadline:
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert err.strip() == "sentilib: interrupted."
    done = cli("predict", trained[0] / "model.skops", "r.csv", "-o", "p.csv")
    assert done.code == 0 and "continuing after" in done.line
    assert len((tmp_path / "p.csv").read_text().splitlines()) == 30_001

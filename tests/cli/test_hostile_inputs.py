"""Inputs that are damaged, foreign or in the way: one line, exit code 1, nothing half written."""

import csv
import gzip
import os
import zipfile

import pytest
from conftest import read_csv, write_csv, write_lines, write_parquet


@pytest.fixture
def refused(cli, tmp_path, model_path):
    """Return a function that predicts a file and returns the error."""

    def run(name, *arguments, stdin=b""):
        before = sorted(os.listdir(tmp_path))
        for output in ([], ["-o", "p.csv"]):
            done = cli("predict", model_path, name, *output, *arguments, stdin=stdin)
            assert done.code == 1
            assert sorted(os.listdir(tmp_path)) == before
        return done.line

    return run


def test_tables_that_are_no_tables(refused, tmp_path):
    def write(content, name="r.csv"):
        (tmp_path / name).write_bytes(content)
        return refused(name)

    assert "r.csv is empty: the first line must contain names" in write(b"")
    assert "several columns of the same name: text" in write(b"text,text\na,b\n")
    assert "line 3: the row has 3 values, but the header names 2" in write(b"id,text\n1,a\n2,b,c\n")
    assert "r.csv, line 2: unexpected end of data" in write(b'id,text\n1,"open')
    assert "Pass --delimiter ';'" in write(b"id;text;label\n1;a;b\n")
    assert (
        "not encoded in UTF-8 (byte 0xE9): pass its encoding, such as --encoding cp1252"
        in write("text\ncafé\n".encode("latin-1"))
    )
    assert "such as --encoding utf-16" in write("text\ncafé\n".encode("utf-16"))
    assert "r.jsonl, line 2: Expecting" in write(b'{"text": "a"}\n{"text": \n', "r.jsonl")
    assert "jq -c '.[]' makes JSON lines of an array" in write(b'[{"text": "a"}]', "r.jsonl")
    assert "line 1" in write(b'{"text": ' + b"[" * 100_000 + b"\n", "r.jsonl")
    assert "Row 1 of column 'text' is no text, but 3 of type int" in write(
        b'{"text": 3}\n', "r.jsonl"
    )


def test_files_that_are_cut_off(refused, tmp_path):
    write_parquet(tmp_path / "whole.parquet", {"text": ["superb"] * 10})
    content = (tmp_path / "whole.parquet").read_bytes()
    (tmp_path / "r.parquet").write_bytes(content[: len(content) // 2])
    assert "r.parquet is no complete Parquet file" in refused("r.parquet")
    content = gzip.compress(b"text\n" + b"".join(b"superb %d\n" % k for k in range(1000)))
    (tmp_path / "r.csv.gz").write_bytes(content[:-20])
    assert "r.csv.gz is damaged or not complete" in refused("r.csv.gz")
    (tmp_path / "r.csv.gz").write_bytes(b"text\na\n")
    assert "r.csv.gz is damaged or not complete" in refused("r.csv.gz")


def test_columns_that_are_in_the_way(refused, cli, tmp_path, model_path):
    columns = {"text": ["a"], "prediction": ["x"]}
    write_csv(tmp_path / "r.csv", columns)
    assert "has a column 'prediction' already: name the new columns otherwise" in refused("r.csv")
    assert cli("predict", model_path, "r.csv", "--prefix", "my_").code == 0
    assert cli("predict", model_path, "r.csv", "--keep", "text").code == 0
    write_parquet(tmp_path / "numbers.parquet", {"text": [1.5, 2.5]})
    assert "is no text, but 1.5 of type float" in refused("numbers.parquet")
    assert "no column 'review'" in refused("r.csv", "--text", "review")
    assert "no column 'ID'" in refused("r.csv", "--keep", "ID")


def test_inputs_that_are_not_there_or_tell_no_format(refused, tmp_path):
    assert refused("missing.csv") == "There is no file or folder 'missing.csv'."
    (tmp_path / "empty").mkdir()
    assert "contains no file of a known format" in refused("empty")
    (tmp_path / "reviews").write_text("a\n")
    assert "tells no format" in refused("reviews")
    (tmp_path / "empty" / "a.csv").write_text("text\na\n")
    (tmp_path / "empty" / "b.txt").write_text("b")
    assert "several formats (csv, files)" in refused("empty")
    assert "cannot have the format 'parquet'" in refused("-", "--format", "parquet")


def test_outputs_that_cannot_or_must_not_be_written(cli, tmp_path, model_path):
    write_csv(tmp_path / "r.csv", {"text": ["a"]})
    (tmp_path / "old.csv").write_text("old")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "r.csv").write_text("text\na\n")
    before = (tmp_path / "r.csv").read_bytes()

    def refused(source, target, *arguments):
        done = cli("predict", model_path, source, "-o", target, *arguments)
        assert done.code == 1 and done.out == ""
        return done.line

    assert "'old.csv' exists already: pass --overwrite" in refused("r.csv", "old.csv")
    assert "'r.csv' is input and output" in refused("r.csv", "r.csv", "--overwrite")
    assert "There is no folder 'nowhere'" in refused("r.csv", "nowhere/p.csv")
    assert "tells no format of an output" in refused("r.csv", "p.xlsx")
    assert "is inside the input 'folder'" in refused("folder", "folder/p.csv")
    assert "'folder' is not empty" in refused("r.csv", "folder")
    assert "in which only the format parquet" in refused("r.csv", "new/", "--output-format", "csv")
    assert "Standard output cannot" in refused("r.csv", "-", "--output-format", "parquet")
    assert (tmp_path / "old.csv").read_text() == "old"
    assert (tmp_path / "r.csv").read_bytes() == before
    assert cli("predict", model_path, "r.csv", "-o", "old.csv", "--overwrite").code == 0
    assert (tmp_path / "old.csv").read_text().startswith("text,prediction")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_without_permission_is_named(cli, tmp_path, model_path):
    write_csv(tmp_path / "r.csv", {"text": ["a"]})
    (tmp_path / "closed").mkdir(mode=0o500)
    done = cli("predict", model_path, "r.csv", "-o", "closed/p.csv")
    assert done.code == 1 and "Permission denied" in done.line


def test_a_full_disk_is_one_line(cli, tmp_path, model_path):
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    done = cli("explain", model_path, "-", "-o", "/dev/full", stdin=b"superb\n")
    assert done.code == 1 and "No space left on device" in done.line


def test_models_that_are_none(cli, tmp_path, model_path):
    import skops.io
    from sklearn.linear_model import LogisticRegression

    def refused(name):
        done = cli("predict", name, "-", stdin=b"superb\n")
        assert done.code == 1 and done.out == ""
        return done.line

    (tmp_path / "m.skops").write_bytes(model_path.read_bytes()[:-100])
    assert "m.skops is no model of sentilib train, or not complete" in refused("m.skops")
    with zipfile.ZipFile(tmp_path / "z.skops", "w") as archive:
        archive.writestr("other", "text")
    assert "z.skops is no model of sentilib train" in refused("z.skops")
    skops.io.dump(LogisticRegression(), tmp_path / "l.skops")
    assert "expected a fitted pipeline" in refused("l.skops")
    with zipfile.ZipFile(model_path) as archive:
        schema = archive.read("schema.json").replace(b'"HTMLTokenizer"', b'"Popen"')
        schema = schema.replace(b'"__module__": "sentilib"', b'"__module__": "subprocess"')
        with zipfile.ZipFile(tmp_path / "evil.skops", "w") as forged:
            for name in archive.namelist():
                content = schema if name == "schema.json" else archive.read(name)
                forged.writestr(name, content)
    assert "may run code of others and is refused: Untrusted types" in refused("evil.skops")
    assert refused("missing.skops") == "missing.skops: No such file or directory."


def test_texts_of_a_model_that_reads_none_are_refused(cli, tmp_path, model_path):
    """Control characters of a column's name do not reach the terminal."""
    write_lines(tmp_path / "r.jsonl", [{"\x1b[31m": "a", "b": "c"}])
    done = cli("predict", model_path, "r.jsonl")
    assert done.code == 1 and "\x1b" not in done.err


def test_a_long_text_and_many_lines_within_quotes(cli, tmp_path, model_path):
    long = "superb film\n" * 100_000
    write_csv(tmp_path / "r.csv", {"text": [long, 'a "b", c\r\nd', "\x00"]}, quoting=1)
    done = cli("predict", model_path, "r.csv", "-o", "p.csv")
    assert (done.code, done.err) == (0, "")
    csv.field_size_limit(1 << 28)
    assert [row["text"] for row in read_csv(tmp_path / "p.csv")] == [long, 'a "b", c\r\nd', "\x00"]


def test_a_fault_of_the_program_is_one_line_unless_someone_debugs(cli, monkeypatch, tmp_path):
    from sentilib._cli import _predict

    def broken(*_, **__):
        raise RuntimeError("no such luck\nat all")

    monkeypatch.setattr(_predict, "load_model", broken)
    done = cli("predict", "m.skops", "-")
    assert done.code == 1
    assert done.line.startswith("unexpected RuntimeError: no such luck at all (SENTILIB_DEBUG=1")
    monkeypatch.setenv("SENTILIB_DEBUG", "1")
    with pytest.raises(RuntimeError):
        cli("predict", "m.skops", "-")

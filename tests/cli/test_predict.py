"""sentilib predict: formats, columns, streams."""

import gzip
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import read_csv, read_lines, write_csv, write_lines, write_parquet

from sentilib._cli._rows._rows import Limits
from sentilib._cli._rows._source import Source

NEW = ["prediction", "probability_neg", "probability_pos"]


@pytest.fixture(scope="session")
def proba(pipe, columns):
    return pipe.predict_proba(columns["text"])


def write(path, columns):
    records = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    match path.suffix:
        case ".csv" | ".tsv":
            write_csv(path, columns, delimiter="\t" if path.suffix == ".tsv" else ",")
        case ".jsonl":
            write_lines(path, records)
        case ".parquet":
            write_parquet(path, columns, row_group_size=170)
        case ".gz":
            inner = path.with_suffix("")
            write(inner, columns)
            path.write_bytes(gzip.compress(inner.read_bytes()))
            inner.unlink()
    return path


def read(path):
    """Return the rows of a table as dicts of text."""
    if path.suffix == ".gz":
        inner = path.with_name(f"inner-{path.stem}")
        inner.write_bytes(gzip.decompress(path.read_bytes()))
        return read(inner)
    if path.suffix == ".parquet" or path.is_dir():
        import pyarrow.parquet

        rows = pyarrow.parquet.read_table(path).to_pylist()
    elif path.suffix == ".jsonl":
        rows = read_lines(path)
    else:
        rows = read_csv(path, delimiter="\t" if path.suffix == ".tsv" else ",")
    return [{name: str(value) for name, value in row.items()} for row in rows]


@pytest.mark.parametrize("source", ["r.csv", "r.tsv", "r.jsonl", "r.parquet", "r.csv.gz"])
@pytest.mark.parametrize("target", ["p.csv", "p.tsv.gz", "p.jsonl", "p.jsonl.gz", "p.parquet"])
def test_each_format_leads_to_each(source, target, cli, tmp_path, model_path, columns, proba):
    write(tmp_path / source, columns)
    done = cli("predict", model_path, source, "-o", target, "--chunk-size", 90)
    assert (done.code, done.out, done.err) == (0, "", "")
    rows = read(tmp_path / target)
    assert list(rows[0]) == [*columns, *NEW]
    for name, values in columns.items():
        assert [row[name] for row in rows] == list(map(str, values))
    found = np.array([[float(row[name]) for name in NEW[1:]] for row in rows])
    np.testing.assert_array_equal(found, proba)
    assert [row["prediction"] for row in rows] == [("neg", "pos")[k] for k in proba.argmax(axis=1)]
    assert not any("unfinished" in name for name in os.listdir(tmp_path))


def test_a_folder_is_one_table_and_becomes_one(cli, tmp_path, model_path, columns, proba):
    folder = tmp_path / "reviews" / "2024"
    folder.mkdir(parents=True)
    for part in range(4):
        rows = {name: values[part * 150 : part * 150 + 150] for name, values in columns.items()}
        write_parquet(folder / f"{part}.parquet", rows, row_group_size=40)
    (folder / "_SUCCESS").touch()
    (folder / ".part.crc").touch()
    done = cli(
        *("predict", model_path, "reviews", "-o", "predictions/", "--chunk-size", 17),
        *("--keep", "id"),
    )
    assert (done.code, done.err) == (0, "")
    assert len(os.listdir(tmp_path / "predictions")) > 2
    rows = read(tmp_path / "predictions")
    assert list(rows[0]) == ["id", *NEW]
    assert [row["id"] for row in rows] == [str(k) for k in range(600)]
    assert [float(row["probability_pos"]) for row in rows] == proba[:, 1].tolist()


def test_texts_are_lines_of_standard_input_and_files_of_a_folder(cli, tmp_path, model_path, pipe):
    texts = ["A <b>superb</b> film!", "", "awful, boring\u2028and dull"]
    done = cli("predict", model_path, "-", stdin="\n".join(texts).encode())
    assert done.code == 0
    assert [row["text"] for row in done.rows] == texts
    found = [float(row["probability_pos"]) for row in done.rows]
    assert found == pipe.predict_proba(texts)[:, 1].tolist()
    (tmp_path / "texts").mkdir()
    for number, text in enumerate(texts):
        (tmp_path / "texts" / f"{number}.txt").write_text(text, encoding="utf-8")
    done = cli("predict", model_path, "texts")
    assert [row["file"] for row in done.rows] == [f"texts/{k}.txt" for k in range(3)]
    assert [float(row["probability_pos"]) for row in done.rows] == found


def test_standard_input_of_any_format_goes_to_standard_output(cli, model_path):
    done = cli("predict", model_path, "-", "--format", "csv", stdin=b"id,text\n7,superb\n")
    assert done.rows[0]["id"] == "7"
    line = b'{"text": "superb", "n": 1e0, "more": {"a": [1]}}\n\n'
    done = cli("predict", model_path, "-", "--format", "jsonl", stdin=line)
    assert done.out.startswith('{"text": "superb", "n": 1e0, "more": {"a": [1]}, "prediction": ')
    again = cli(
        *("predict", model_path, "-", "--format", "jsonl", "--text", "text", "--prefix", "b_"),
        stdin=done.out.encode(),
    )
    record = json.loads(again.out)
    assert record["b_probability_pos"] == record["probability_pos"]


def test_only_the_chosen_columns_are_written(cli, tmp_path, model_path, columns):
    write(tmp_path / "r.jsonl", columns)
    done = cli("predict", model_path, "r.jsonl", "--keep", "movie", "--keep", "id", "-q")
    assert list(json.loads(done.out.splitlines()[0])) == ["movie", "id", *NEW]
    done = cli("predict", model_path, "r.jsonl", "--keep-none", "--output-format", "csv")
    assert list(done.rows[0]) == NEW and len(done.rows) == 600


def test_rows_without_text_have_no_prediction_and_are_counted(cli, tmp_path, model_path):
    texts = [None, "superb", None, "awful"]
    write_parquet(tmp_path / "r.parquet", {"text": texts})
    for target in ("p.parquet", "p.csv", "p.jsonl"):
        done = cli("predict", model_path, "r.parquet", "-o", target, "--chunk-size", 1)
        assert done.code == 0
        assert done.line == "warning: 2 rows have no text and therefore no prediction."
        rows = read(tmp_path / target)
        is_empty = [row["prediction"] in ("None", "") for row in rows]
        assert is_empty == [True, False, True, False]


def test_an_empty_cell_of_csv_is_no_text_and_an_empty_string_of_json_is_one(
    cli, tmp_path, model_path
):
    (tmp_path / "r.csv").write_text("id,text\n1,superb\n2,\n")
    write_lines(tmp_path / "r.jsonl", [{"id": 1, "text": "superb"}, {"id": 2, "text": ""}])
    done = cli("predict", model_path, "r.csv")
    assert done.line == "warning: 1 row has no text and therefore no prediction."
    assert [row["prediction"] == "" for row in done.rows] == [False, True]
    lines = cli("predict", model_path, "r.jsonl").out.splitlines()
    assert all(json.loads(line)["prediction"] for line in lines)
    assert "Row 2:" not in cli("explain", model_path, "r.csv").out


def test_a_model_named_after_the_table_is_an_error_that_says_so(cli, tmp_path, model_path):
    (tmp_path / "r.csv").write_text("text\nsuperb\n")
    assert cli("predict", "r.csv", model_path).line.endswith("a model is named before the tables.")


def test_a_line_of_json_may_lack_the_text(cli, tmp_path, model_path):
    records = [{"id": 1, "text": "superb"}, {"id": 2}, {"text": "\ud83d half", "id": 3}]
    write_lines(tmp_path / "r.jsonl", records)
    done = cli("predict", model_path, "r.jsonl", "--chunk-size", 1)
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [row["id"] for row in rows] == [1, 2, 3]
    assert [row["prediction"] is None for row in rows] == [False, True, False]
    assert rows[2]["text"] == "\ud83d half"


def test_an_empty_table_gives_an_empty_table(cli, tmp_path, model_path):
    import pyarrow

    (tmp_path / "r.csv").write_text("id,text\n")
    write_parquet(tmp_path / "r.parquet", {"text": pyarrow.array([], pyarrow.string())})
    (tmp_path / "r.jsonl").touch()
    for name in ("r.csv", "r.parquet", "r.jsonl"):
        for target in ("p.csv", "p.parquet", "p.jsonl"):
            done = cli("predict", model_path, name, "-o", target, "--overwrite")
            assert (done.code, done.line) == (0, "warning: the input contains no rows.")
            assert read(tmp_path / target) == []
    done = cli("predict", model_path, "r.csv")
    assert done.out == "id,text,prediction,probability_neg,probability_pos\n"


def test_parts_end_at_a_number_of_rows_or_of_characters(tmp_path):
    write_csv(tmp_path / "r.csv", {"text": ["x" * 50] * 10})
    source = Source((str(tmp_path / "r.csv"),), limits=Limits(rows=4, characters=120))
    sizes = [rows.size for rows in source.parts(lambda names: names)]
    assert sizes == [3, 3, 3, 1]
    write_parquet(tmp_path / "r.parquet", {"text": [f"{k}" * 50 for k in range(10)]})
    source = Source((str(tmp_path / "r.parquet"),), limits=Limits(rows=4, characters=120))
    sizes = [rows.size for rows in source.parts(lambda names: names)]
    assert max(sizes) <= 3 and sum(sizes) == 10


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl", "r.parquet"])
@pytest.mark.parametrize("skip", [0, 1, 169, 170, 171, 599, 600])
def test_any_number_of_rows_can_be_left_out(name, skip, tmp_path, columns):
    for half in range(2):
        rows = {key: values[half * 300 : half * 300 + 300] for key, values in columns.items()}
        (tmp_path / str(half)).mkdir()
        write(tmp_path / str(half) / name, rows)
    source = Source((str(tmp_path),), limits=Limits(rows=70))
    found, first = [], skip
    for rows in source.parts(lambda names: ["id"], skip):
        assert rows.first == first
        first += rows.size
        found += rows.column("id")
    assert list(map(int, found)) == list(range(skip, 600))


@pytest.mark.slow
def test_a_reader_that_ends_early_ends_the_command_silently(model_path, tmp_path):
    write_csv(tmp_path / "r.csv", {"text": ["superb"] * 50_000})
    command = f"{sys.executable} -m sentilib predict {model_path} r.csv | head -2"
    done = subprocess.run(
        ["bash", "-c", f'{command}; echo "${{PIPESTATUS[0]}}"'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[0].startswith("text,prediction")
    assert done.stdout.splitlines()[-1] == "141"

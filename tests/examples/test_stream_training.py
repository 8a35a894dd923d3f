"""The streaming example learns from chunks, of a generator or of a Parquet file."""

import importlib.util
import re
from pathlib import Path

import pytest

from sentilib.datasets import make_reviews

EXAMPLE = Path(__file__).parents[2] / "examples" / "stream_training.py"
pytestmark = [pytest.mark.examples, pytest.mark.slow]


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("stream_training", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def parquet(tmp_path_factory):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    path = tmp_path_factory.mktemp("stream") / "reviews.parquet"
    texts, labels = make_reviews(400, length=60, random_state=0)
    frame = pandas.DataFrame({"text": texts, "label": labels})
    frame.to_parquet(path, row_group_size=100)
    return path


def test_the_example_learns_from_generated_chunks(example, capsys):
    example.main(["--chunks", "4", "--chunk-size", "500"])
    *progress, last = capsys.readouterr().out.splitlines()
    assert "of 1,500 reviews" in progress[0]
    assert [line.split(" reviews")[0].split()[-1] for line in progress[1:]] == [
        "500", "1,000", "1,500", "2,000", "2,500", "3,000"
    ]  # fmt: skip
    accuracy = [float(found) for found in re.findall(r"accuracy (\S+),", "\n".join(progress))]
    assert accuracy[0] + 0.05 < accuracy[-1]
    assert accuracy[-1] > max(accuracy) - 0.01  # it does not fall again
    assert float(re.search(r"held-out chunk: (.+)", last)[1]) == accuracy[-1] > 0.9


def test_the_example_reads_row_groups_one_by_one(example, parquet, capsys):
    chunks = list(example.row_groups(parquet))
    assert [len(texts) for texts, _ in chunks] == [100] * 4
    assert [text for texts, _ in chunks for text in texts] == make_reviews(
        400, length=60, random_state=0
    )[0]
    example.main(["--parquet", str(parquet), "--epochs", "1"])
    assert "of 300 reviews" in capsys.readouterr().out


def test_a_stream_of_one_chunk_is_refused(example):
    with pytest.raises(ValueError, match="fewer than two chunks"):
        example.main(["--chunks", "1", "--chunk-size", "50"])

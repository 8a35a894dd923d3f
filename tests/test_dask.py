"""The example of a cluster: two processes of Dask compute what one does, to the last bit."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sentilib import DenseSentimentClassifier, HTMLTokenizer
from sentilib.datasets import make_reviews

pytestmark = [pytest.mark.examples, pytest.mark.slow]
distributed = pytest.importorskip("dask.distributed", reason="needs 'sentilib[dask]'")
dd = pytest.importorskip("dask.dataframe", reason="needs 'sentilib[dask]'")

EXAMPLE = Path(__file__).parents[1] / "examples" / "dask_cluster.py"
N_FILES, N_ROWS = 3, 80


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("dask_cluster", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def client():
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def folder(example, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dask") / "reviews"
    example.generate(folder, N_FILES, N_ROWS)
    return folder


@pytest.fixture(scope="module")
def rows():
    parts = [make_reviews(N_ROWS, random_state=k) for k in range(N_FILES)]
    return [text for texts, _ in parts for text in texts], np.concatenate([y for _, y in parts])


def test_the_merged_vocabulary_is_that_of_one_process(example, client, folder, rows):
    frame = dd.read_parquet(folder)
    frame = dd.concat([frame, frame.get_partition(0)[frame.get_partition(0)["label"] == 9]])
    assert frame.get_partition(N_FILES).compute().empty
    found = example.learn_vocabulary(client, frame, max_features=200, min_df=3)
    expected = HTMLTokenizer(max_features=200, min_df=3).fit(rows[0])
    assert list(found.vocabulary_.items()) == list(expected.vocabulary_.items())
    np.testing.assert_array_equal(found.document_frequency_, expected.document_frequency_)


def test_partitions_train_and_are_scored_as_in_one_process(example, client, folder, rows, tmp_path):
    frame, (texts, labels) = dd.read_parquet(folder), rows
    tokenizer = HTMLTokenizer(max_length=64).fit(texts)
    pipe = example.train(client, frame, tokenizer, [0, 1])
    classifier = DenseSentimentClassifier(learning_rate=3e-4, random_state=0)
    for start in range(0, len(texts), N_ROWS):
        part = slice(start, start + N_ROWS)
        classifier.partial_fit(tokenizer.transform(texts[part]), labels[part], classes=[0, 1])
    expected = make_pipeline(tokenizer, classifier).predict_proba(texts)
    np.testing.assert_array_equal(pipe.predict_proba(texts), expected)

    example.score_folder(pipe, frame, tmp_path / "scores")
    scores = pd.concat(map(pd.read_parquet, sorted((tmp_path / "scores").glob("*.parquet"))))
    assert list(scores) == ["label", "probability"]
    np.testing.assert_array_equal(scores["probability"], expected[:, 1])
    np.testing.assert_array_equal(scores["label"], labels)


def test_a_search_on_the_workers_finds_what_one_process_finds(example, client, rows):
    texts, labels = rows[0][:80], rows[1][:80]
    pipe = make_pipeline(
        HTMLTokenizer(max_length=32), DenseSentimentClassifier(epochs=1, random_state=0)
    )
    grid = {"htmltokenizer__punctuation": ["split", "drop"]}
    found = example.search(client, pipe, grid, texts, labels)
    expected = GridSearchCV(pipe, grid, cv=2, n_jobs=1).fit(texts, labels)
    for name, values in expected.cv_results_.items():
        if "time" not in name:
            np.testing.assert_array_equal(found.cv_results_[name], values)
    np.testing.assert_array_equal(found.predict_proba(texts), expected.predict_proba(texts))

"""Count, score, search and train on a cluster of Dask
===================================================

Count, score, search and train on a cluster of Dask, here one of two processes.

::

    python examples/dask_cluster.py                       # generated reviews
    python examples/dask_cluster.py --parquet FOLDER      # with the columns text and label

Another machine's scheduler takes the place of ``LocalCluster``: ``Client("tcp://host:8786")``. Each
worker needs this package. Columns of strings stay in Arrow's format from the file to the tokenizer.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import joblib
import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline

from sentilib import DenseSentimentClassifier, HTMLTokenizer
from sentilib.datasets import make_reviews

try:
    import dask
    import dask.dataframe as dd
    from dask.distributed import Client, LocalCluster, as_completed
except ImportError as error:
    raise ImportError("This example needs Dask: pip install 'sentilib[dask]'") from error


def count(texts: pd.Series, tokenizer: HTMLTokenizer) -> HTMLTokenizer | None:
    """Count the words of a partition; None if it is empty."""
    return clone(tokenizer).partial_fit(texts) if len(texts) else None


def learn_vocabulary(client: Client, frame: Any, **parameters: Any) -> HTMLTokenizer:
    """Count each partition where it is, and merge the counts as they arrive."""
    parts = [
        dask.delayed(count)(part, HTMLTokenizer(n_jobs=1, **parameters))
        for part in frame["text"].to_delayed()
    ]
    results = (result for _, result in as_completed(client.compute(parts), with_results=True))
    return HTMLTokenizer(**parameters).merge(part for part in results if part is not None)


def score(part: pd.DataFrame, pipe: Pipeline) -> pd.DataFrame:
    """Add the probability of the second class to a partition, without its text."""
    probability = pipe.predict_proba(part["text"])[:, 1] if len(part) else np.empty(0)
    return part.drop(columns="text").assign(probability=probability)


def score_folder(pipe: Pipeline, frame: Any, folder: Path) -> None:
    """Write the scores of a folder of Parquet files to another, a file per partition."""
    meta = frame._meta.drop(columns="text").assign(probability=np.empty(0))
    frame.map_partitions(score, dask.delayed(pipe), meta=meta).to_parquet(folder)


def search(client: Client, pipe: Pipeline, grid: dict, texts: Any, labels: Any) -> GridSearchCV:
    """Fit the candidates of a grid search on the workers."""
    with joblib.parallel_backend("dask", client=client):
        return GridSearchCV(pipe, grid, cv=2, n_jobs=-1).fit(texts, labels)


def train(
    client: Client, frame: Any, tokenizer: HTMLTokenizer, classes: list, **parameters: Any
) -> Pipeline:
    """Train on the stream of partitions: workers tokenize ahead, this process trains."""

    def encode(part: pd.DataFrame, tokenizer: HTMLTokenizer) -> tuple[np.ndarray, np.ndarray]:
        return tokenizer.transform(part["text"]), part["label"].to_numpy()

    def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        shared = dask.delayed(tokenizer)
        parts = [dask.delayed(encode)(part, shared) for part in frame.to_delayed()]
        ahead = [client.compute(part) for part in parts[:2]]
        for k in range(len(parts)):
            yield ahead.pop(0).result()
            ahead += [client.compute(part) for part in parts[k + 2 : k + 3]]

    classifier = DenseSentimentClassifier(learning_rate=3e-4, random_state=0, **parameters)
    for ids, labels in batches():
        classifier.partial_fit(ids, labels, classes=classes)
    return make_pipeline(tokenizer, classifier)


def generate(folder: Path, n_files: int = 4, n_rows: int = 500) -> None:
    """Write a folder of Parquet files with generated reviews."""
    folder.mkdir()
    for k in range(n_files):
        texts, labels = make_reviews(n_rows, random_state=k)
        pd.DataFrame({"text": texts, "label": labels}).to_parquet(folder / f"{k}.parquet")


def main(argv: list[str] | None = None) -> None:
    """Run the example."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--parquet", type=Path, help="folder to read instead of generated reviews")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(argv)
    with (
        tempfile.TemporaryDirectory() as room,
        LocalCluster(
            n_workers=options.workers, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        folder = options.parquet or Path(room, "reviews")
        if not options.parquet:
            generate(folder)
        frame = dd.read_parquet(folder)

        start = time.perf_counter()
        tokenizer = learn_vocabulary(client, frame, max_length=256)
        print(
            f"Vocabulary: {len(tokenizer.vocabulary_):,} words of {tokenizer.n_documents_:,} "
            f"reviews in {time.perf_counter() - start:.1f} s"
        )
        classes = sorted(frame["label"].unique().compute().tolist())
        pipe = train(client, frame, tokenizer, classes)

        start = time.perf_counter()
        score_folder(pipe, frame, Path(room, "scores"))
        seconds = time.perf_counter() - start
        scores = dd.read_parquet(Path(room, "scores")).compute()
        accuracy = np.mean((scores["probability"] > 0.5) == (scores["label"] == classes[1]))
        print(f"Scored {len(scores) / seconds:,.0f} reviews per second, accuracy {accuracy:.3f}")

        part = frame.get_partition(0).compute()
        small = make_pipeline(
            HTMLTokenizer(max_length=64), DenseSentimentClassifier(epochs=1, random_state=0)
        )
        grid = {"htmltokenizer__punctuation": ["split", "drop"]}
        found = search(client, small, grid, part["text"].tolist(), part["label"].to_numpy())
        print(f"Best parameters: {found.best_params_}, accuracy {found.best_score_:.3f}")


if __name__ == "__main__":
    main()

"""Train on a stream that does not fit in memory
=============================================

Train on a stream of reviews that does not fit in memory, chunk by chunk.

::

    python examples/stream_training.py                         # generated reviews
    python examples/stream_training.py --parquet reviews.parquet

The stream is read once to learn the vocabulary, since ids depend on the counts of all words, and
then once per epoch for training. The first chunk is held out for testing. A Parquet file needs the
columns text and label, at least two row groups, and rows in random order: after many reviews of one
label in sequence, a model forgets the others.

A stream has no last step, so the learning rate does not fall as it does in ``fit``. A third of the
default rate keeps the model from learning wrong labels by heart: 5 % of the generated labels are
wrong, so accuracy approaches 0.95, and stays there.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from sentilib import DenseSentimentClassifier, HTMLTokenizer
from sentilib.datasets import make_reviews

Chunk = tuple[list[str], np.ndarray]


def generated(n_chunks: int, chunk_size: int) -> Iterator[Chunk]:
    """Generate reviews, the same ones in each pass."""
    for seed in range(n_chunks):
        yield make_reviews(chunk_size, random_state=seed)


def row_groups(path: Path) -> Iterator[Chunk]:
    """Read a Parquet file, one row group at a time."""
    try:
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise ImportError("Parquet files need pyarrow: pip install 'sentilib[parquet]'") from error
    with ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, columns=["text", "label"])
            yield table["text"].to_pylist(), table["label"].to_numpy()


def peak_memory() -> str:
    """Return the peak memory of this process so far."""
    try:
        import resource
    except ImportError:  # Windows
        return "unknown"
    unit = 1 if sys.platform == "darwin" else 1024
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6:,.0f} MB"


def train(
    stream: Callable[[], Iterator[Chunk]], epochs: int
) -> tuple[HTMLTokenizer, DenseSentimentClassifier, float]:
    """Learn vocabulary and model from all chunks except the first, and score on the first."""
    test_texts, test_labels = next(stream())

    tokenizer = HTMLTokenizer(max_length=256)
    labels: set = set()
    start = time.perf_counter()
    for texts, chunk_labels in islice(stream(), 1, None):
        tokenizer.partial_fit(texts)
        labels.update(chunk_labels.tolist())
    if not labels:
        raise ValueError(
            "The stream has fewer than two chunks: one for testing, the others for training."
        )
    print(
        f"Vocabulary: {len(tokenizer.vocabulary_):,} words of {tokenizer.n_documents_:,} reviews "
        f"in {time.perf_counter() - start:.1f} s, peak memory {peak_memory()}"
    )

    X_test = tokenizer.transform(test_texts)
    classifier = DenseSentimentClassifier(learning_rate=3e-4, random_state=0)
    start = time.perf_counter()
    n_seen = 0
    for epoch in range(1, epochs + 1):
        for texts, chunk_labels in islice(stream(), 1, None):
            X = tokenizer.transform(texts)
            classifier.partial_fit(X, chunk_labels, classes=sorted(labels))
            n_seen += len(texts)
            accuracy = classifier.score(X_test, test_labels)
            print(
                f"epoch {epoch}, {n_seen:7,} reviews, {time.perf_counter() - start:5.1f} s: "
                f"test accuracy {accuracy:.3f}, peak memory {peak_memory()}",
                flush=True,
            )
    return tokenizer, classifier, accuracy


def main(argv: list[str] | None = None) -> None:
    """Run the example."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--parquet", type=Path, help="file to read instead of generated reviews")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--chunks", type=int, default=10, help="number of generated chunks")
    parser.add_argument("--chunk-size", type=int, default=1000, help="number of reviews per chunk")
    options = parser.parse_args(argv)

    def stream() -> Iterator[Chunk]:
        if options.parquet:
            return row_groups(options.parquet)
        return generated(options.chunks, options.chunk_size)

    _, _, accuracy = train(stream, options.epochs)
    print(f"Accuracy on the held-out chunk: {accuracy:.3f}")


if __name__ == "__main__":
    main()

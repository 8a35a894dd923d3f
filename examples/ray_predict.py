"""Score a folder of Parquet files with Ray Data
=============================================

Each actor loads the pipeline once.

::

    python examples/ray_predict.py                      # trains on generated reviews, scores them
    python examples/ray_predict.py --parquet FOLDER     # scores the column text of your files

It needs ``pip install 'ray[data]'``. Batches are tables of Arrow, whose columns the tokenizer reads
from their buffers. On a cluster, the workers need this package, without Keras and TensorFlow.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import skops.io
from sklearn.pipeline import make_pipeline

import sentilib
from sentilib import DenseSentimentClassifier, HTMLTokenizer
from sentilib.datasets import make_reviews


class Scorer:
    """Actor that adds the probability of the second class to batches, without their text."""

    def __init__(self, model: Path) -> None:
        self._pipe = skops.io.load(model, trusted=sentilib.TRUSTED_TYPES)
        self._pipe.set_params(htmltokenizer__n_jobs=1, densesentimentclassifier__n_jobs=1)

    def __call__(self, batch: Any) -> Any:
        """Score a pyarrow.Table."""
        probability = self._pipe.predict_proba(batch["text"])[:, 1]
        return batch.drop_columns(["text"]).append_column("probability", [probability])


def score(model: Path, folder: Path, scores: Path, n_actors: int = 2) -> None:
    """Write the probability of the second class for each row of a folder of Parquet files.

    Each actor occupies a CPU as long as it lives: with no more CPUs than actors, nothing is read.
    """
    import ray

    rows = ray.data.read_parquet(str(folder))
    rows.map_batches(
        Scorer,
        fn_constructor_args=(model,),
        batch_format="pyarrow",
        batch_size=2_000,
        compute=ray.data.ActorPoolStrategy(size=n_actors),
    ).write_parquet(str(scores))


def main(argv: list[str] | None = None) -> None:
    """Run the example."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--parquet", type=Path, help="folder to score instead of generated reviews")
    options = parser.parse_args(argv)
    import ray

    with tempfile.TemporaryDirectory() as room:
        texts, labels = make_reviews(1000, random_state=0)
        pipe = make_pipeline(HTMLTokenizer(), DenseSentimentClassifier(epochs=2, random_state=0))
        skops.io.dump(pipe.fit(texts[:500], labels[:500]), Path(room, "pipe.skops"))
        folder = options.parquet or Path(room, "reviews")
        if not options.parquet:
            folder.mkdir()
            rows = pd.DataFrame({"row": range(1000), "text": texts, "label": labels})
            for k in range(4):
                rows[250 * k : 250 * (k + 1)].to_parquet(folder / f"{k}.parquet")
        ray.init(num_cpus=3, include_dashboard=False)  # one of them reads and writes
        try:
            score(Path(room, "pipe.skops"), folder, Path(room, "scores"))
        finally:
            ray.shutdown()
        scores = pd.read_parquet(Path(room, "scores"))
        print(
            f"Scored {len(scores):,} reviews, mean probability {scores['probability'].mean():.3f}"
        )
        if not options.parquet:
            expected = pipe.predict_proba(texts)[:, 1]
            difference = abs(scores.sort_values("row")["probability"].to_numpy() - expected).max()
            print(f"Largest difference from predict_proba here: {difference:.1e}")


if __name__ == "__main__":
    main()

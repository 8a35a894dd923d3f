"""Write a pipeline as ONNX and tokenizer.json
===========================================

Both are files that other languages read.

::

    python examples/export_model.py              # generated reviews
    python examples/export_model.py --data imdb  # real ones

It runs the ONNX file in ONNX Runtime, and writes reviews with their probabilities beside it, with
which examples/javascript/predict.mjs compares its own. Needs the extra "export" and onnxruntime.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import onnxruntime
from sklearn.pipeline import Pipeline, make_pipeline

from sentilib import DenseSentimentClassifier, HTMLTokenizer
from sentilib.datasets import load_imdb, make_reviews
from sentilib.export import to_onnx, to_tokenizer_json


def run(path: Path, ids: np.ndarray) -> np.ndarray:
    """Return the probabilities that the ONNX file computes, in batches of any size."""
    session = onnxruntime.InferenceSession(str(path))
    start = time.perf_counter()
    batches = [
        session.run(["probabilities"], {"token_ids": ids[row : row + 256]})[0]
        for row in range(0, len(ids), 256)
    ]
    print(f"ONNX Runtime: {len(ids) / (time.perf_counter() - start):,.0f} reviews per second.")
    return np.concatenate(batches)


def export(pipe: Pipeline, reviews: list[str], folder: Path) -> None:
    """Write both files, compare predictions, and write some of them for other languages."""
    folder.mkdir(exist_ok=True)
    to_onnx(pipe, folder / "model.onnx")
    to_tokenizer_json(pipe, folder / "tokenizer.json")
    for path in sorted(folder.glob("*[xn]")):
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")

    proba = run(folder / "model.onnx", pipe[0].transform(reviews))
    difference = np.abs(proba - pipe.predict_proba(reviews)).max()
    print(f"{len(reviews):,} reviews, largest difference to the estimator: {difference:.1e}")

    texts = [
        pipe[0].visible_text(review) for review in reviews[:200]
    ]  # tokenizer.json knows no HTML
    expected = {
        "classes": np.array(["negative", "positive"])[pipe.classes_].tolist(),
        "reviews": texts,
        "probabilities": pipe.set_params(htmltokenizer__markup=None).predict_proba(texts).tolist(),
    }
    (folder / "expected.json").write_text(json.dumps(expected), encoding="utf-8")


def main(argv: list[str] | None = None, n_generated: int = 4000) -> None:
    """Run the example."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--data",
        choices=("generated", "imdb"),
        default="generated",
        help="imdb: real reviews, downloaded once (84 MB) if they are not found",
    )
    options = parser.parse_args(argv)
    if options.data == "imdb":
        train, test = load_imdb("train"), load_imdb("test")
        reviews, labels, others = train.data, train.target, test.data
    else:
        generated, target = make_reviews(n_generated, random_state=0)
        half = n_generated // 2
        reviews, labels, others = generated[:half], target[:half], generated[half:]
    pipe = make_pipeline(HTMLTokenizer(), DenseSentimentClassifier(random_state=0))
    export(pipe.fit(reviews, labels), others, Path("export_output"))


if __name__ == "__main__":
    main()

"""Time and memory of hostile documents and of long reviews: the figures of docs/serving.md.

    python benchmarks/limits.py [--size 200000] [--rows 10]

A tokenizer of each reading of markup reads a document of each shape known to be costly, of `--size`
characters. The tables give processor seconds and megabytes of memory per megabyte of UTF-8, the
worst first. Then reviews of more and more tokens are explained, and one of 100 MB is predicted.
"""

import argparse
import importlib.util
import time
import tracemalloc
from pathlib import Path

import numpy as np
from sklearn.pipeline import make_pipeline

from sentilib import (
    ConvSentimentClassifier,
    DenseSentimentClassifier,
    HTMLTokenizer,
    TokenShapExplainer,
)
from sentilib.datasets import make_reviews

TESTS = Path(__file__).parents[1] / "tests" / "text" / "test_text_linear.py"
SHAPES = {
    "ordinary review": lambda n: "A good film, <br />not at all dull &amp; moving. " * (n // 47),
    "one word": lambda n: "a" * n,
    "words": lambda n: "good film " * (n // 10),
    "distinct words": lambda n: " ".join(f"w{k:x}" for k in range(n // 7)),
    "marks": lambda n: "!" * n,
    "Chinese characters": lambda n: "好" * n,
    "combining marks": lambda n: "e" + "\u0301" * (n - 1),
    "composed marks": lambda n: "e\u0301\u0323" * (n // 3),
    "Hangul jamo": lambda n: "\u1100\u1161\u11a8" * (n // 3),
    "chain of emoji": lambda n: "👩\u200d" * (n // 2),
    "flags": lambda n: "🇩" * n,
    "lone brackets": lambda n: "< " * (n // 2),
    "nested formatting": lambda n: "<b>" * (n // 3) + "x",
    "nested tables": lambda n: "<table><tr><td>" * (n // 15) + "x",
    "nested pictures": lambda n: "<svg>" + "<g>" * (n // 3) + "x",
    "fonts, never closed": lambda n: "".join(f"<p><font id={k}>text " for k in range(n // 24)),
    "buttons in paragraphs": lambda n: "<p><button>" * (n // 11) + "x",
    "null characters": lambda n: "a\x00" * (n // 2),
    "ampersands": lambda n: "&" * n,
    "references without end": lambda n: "&ampx" * (n // 5),
}


def shapes():
    """Return the shapes above, and those of the tests of linear time."""
    spec = importlib.util.spec_from_file_location("linear", TESTS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    grammars = {
        f"random grammar {seed}": lambda n, seed=seed: module.random_document(seed, n)
        for seed in range(20)
    }
    return {**SHAPES, **module.HOSTILE, **grammars}


def measured(work, document):
    """Return seconds and peak megabytes of memory per megabyte of the document."""
    size = len(document.encode()) / 1e6
    start = time.process_time()
    work(document)
    seconds = time.process_time() - start
    tracemalloc.start()
    work(document)
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return seconds / size, peak / size


def long_document(megabytes):
    """Print the time of a prediction of one document of that size."""
    pipe = fitted(DenseSentimentClassifier)
    text = "A good film, <br />not dull. " * (megabytes * 10**6 // 29)
    start = time.perf_counter()
    pipe.predict([text])
    seconds = time.perf_counter() - start
    print(f"\nOne ordinary document of {megabytes} MB: {seconds:.2f} s.")


def fitted(kind, **parameters):
    """Return a pipeline fitted on generated reviews."""
    reviews, labels = make_reviews(400, random_state=0)
    classifier = kind(epochs=1, random_state=0, **parameters)
    return make_pipeline(HTMLTokenizer(max_length=16_384, n_jobs=1), classifier).fit(
        reviews, labels
    )


def explained():
    """Print the time of explanations of long reviews."""
    words = np.random.default_rng(0).choice(
        "a good film not bad dull moving the plot".split(), 2**14
    )
    print("\n| explanation, milliseconds | 1,024 tokens | 4,096 | 16,384 |\n|---|--:|--:|--:|")
    exact, sampled = (
        (fitted(DenseSentimentClassifier), fitted(ConvSentimentClassifier)),
        fitted(ConvSentimentClassifier, pooling="max"),
    )
    rows = [(f"{pipe[-1].__class__.__name__}, exact", pipe, {}) for pipe in exact]
    rows += [(f"{name} interactions", pipe, {"interactions": True}) for name, pipe, _ in rows]
    rows += [("ConvSentimentClassifier(pooling='max'), sampled", sampled, {})]
    for name, pipe, options in rows:
        explainer = TokenShapExplainer(pipe, n_jobs=1, random_state=0)
        work = explainer.interactions if options else explainer.explain
        work(["a film"])
        times = []
        for n_tokens in (1024, 4096, 16_384):
            text = " ".join(words[:n_tokens])
            start = time.process_time()
            work([text])
            times.append(f"{(time.process_time() - start) * 1e3:,.1f}")
        print(f"| {name} | {' | '.join(times)} |", flush=True)


def main(argv=None):
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, default=200_000, help="characters of a document")
    parser.add_argument("--rows", type=int, default=10, help="worst shapes to print")
    options = parser.parse_args(argv)
    for markup in ("lenient", "html5", None):
        tokenizer = HTMLTokenizer(markup=markup, n_jobs=1).fit(["a good film"])
        tokenizer.transform(["<br> &amp;"])
        found = {
            name: measured(lambda text: tokenizer.transform([text]), make(options.size))  # noqa: B023
            for name, make in shapes().items()
        }
        print(f"\n| markup={markup!r} | s per MB | MB of memory per MB |\n|---|--:|--:|")
        worst = sorted(found, key=lambda name: -found[name][0])[: options.rows]
        heavy = max(found, key=lambda name: found[name][1])
        for name in dict.fromkeys([*worst, heavy, "ordinary review"]):
            print("| {} | {:.3f} | {:.0f} |".format(name, *found[name]), flush=True)
    explained()
    long_document(100)


if __name__ == "__main__":
    main()

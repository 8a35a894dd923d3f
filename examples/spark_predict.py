"""Score a folder of Parquet files with Spark
==========================================

A pandas UDF loads the pipeline once per task.

::

    python examples/spark_predict.py                      # trains on generated reviews, scores them
    python examples/spark_predict.py --parquet FOLDER     # scores the column text of your files

It needs pyspark and a Java runtime. On a cluster, the workers need this package, without Keras and
TensorFlow, and the pipeline's file goes to them by ``SparkContext.addFile``.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import skops.io
from sklearn.pipeline import make_pipeline

import sentilib
from sentilib import DenseSentimentClassifier, HTMLTokenizer
from sentilib.datasets import make_reviews


def score(spark: Any, model: Path, folder: Path, scores: Path) -> None:
    """Write the probability of the second class for each row of a folder of Parquet files."""
    from pyspark.sql.functions import pandas_udf

    spark.sparkContext.addFile(str(model))
    name = model.name

    def probabilities(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        from pyspark import SparkFiles

        pipe = skops.io.load(SparkFiles.get(name), trusted=sentilib.TRUSTED_TYPES)
        pipe.set_params(htmltokenizer__n_jobs=1, densesentimentclassifier__n_jobs=1)
        for texts in batches:
            yield pd.Series(pipe.predict_proba(texts)[:, 1])

    probabilities.__annotations__ = {  # types themselves, also where annotations are strings
        "batches": Iterator[pd.Series],
        "return": Iterator[pd.Series],
    }
    probability = pandas_udf(probabilities, "double")
    frame = spark.read.parquet(str(folder))
    frame.withColumn("probability", probability("text")).drop("text").write.parquet(str(scores))


def main(argv: list[str] | None = None) -> None:
    """Run the example."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--parquet", type=Path, help="folder to score instead of generated reviews")
    options = parser.parse_args(argv)
    from pyspark.sql import SparkSession

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
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # of the workers
        spark = SparkSession.builder.master("local[2]").getOrCreate()
        spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", 2_000)
        try:
            score(spark, Path(room, "pipe.skops"), folder, Path(room, "scores"))
        finally:
            spark.stop()
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

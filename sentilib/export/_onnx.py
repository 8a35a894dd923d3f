"""to_onnx: a fitted model as a file for ONNX runtimes."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from sentilib._files import atomic_write
from sentilib._pipelines import Parts
from sentilib.export._graphs._graph import Graph
from sentilib.export._graphs._tables import add_logits


def to_onnx(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted model to an ONNX file, which computes logits and probabilities of token ids.

    The file needs neither this library nor Python. It is made of standard operators of ONNX, which
    ONNX Runtime has in all its editions since 1.14 (C, C#, Java, JavaScript, Python, ...; opset 18,
    and `LabelEncoder` of ``ai.onnx.ml``). N-grams are looked up by exact keys.

    Parameters
    ----------
    estimator : estimator
        Fitted `DenseSentimentClassifier` or `ConvSentimentClassifier`, or a pipeline or search
        that ends in one. The steps before it are not part of the file.
    path : str or path-like
        File to write, usually with the suffix ``.onnx``.

    Raises
    ------
    TypeError
        If the predictions are not those of a single classifier of this library, such as those of
        an ensemble.
    NotFittedError
        If the classifier is not fitted.
    ImportError
        If the package onnx is not installed.

    See Also
    --------
    to_tokenizer_json : The tokenizer as a file, for text without markup.
    sentilib.DenseSentimentClassifier.to_keras : A Keras model, which Keras can export.

    Notes
    -----
    The file has one input and two outputs, for any numbers of rows and tokens above 0:

    - ``token_ids``, int32 (n_rows, n_tokens), as `HTMLTokenizer.transform` returns them. Ids that
      the model does not know count as the unknown word. With ``mask_padding=True``, the default,
      padding changes nothing, so that rows may be as short as the longest text;
    - ``logits`` and ``probabilities``, float32 (n_rows, n_classes). They differ from the
      estimator's by less than 1e-5.

    The metadata property ``classes`` contains the labels as a JSON list.

    Examples
    --------
    >>> import os, tempfile
    >>> import onnxruntime
    >>> from sentilib import DenseSentimentClassifier, HTMLTokenizer
    >>> from sentilib.datasets import make_reviews
    >>> from sentilib.export import to_onnx
    >>> from sklearn.pipeline import make_pipeline
    >>> reviews, labels = make_reviews(200, random_state=0)
    >>> pipe = make_pipeline(HTMLTokenizer(), DenseSentimentClassifier(epochs=1, random_state=0))
    >>> pipe = pipe.fit(reviews, labels)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "reviews.onnx")
    ...     to_onnx(pipe, path)
    ...     session = onnxruntime.InferenceSession(path)
    >>> ids = pipe[0].transform(reviews[:3])
    >>> logits, probabilities = session.run(None, {"token_ids": ids})
    >>> bool(abs(probabilities - pipe.predict_proba(reviews[:3])).max() < 1e-5)
    True
    """
    model = _model(estimator)
    tables = model.tables_
    graph = Graph("to_onnx")
    logits = add_logits(graph, tables, "token_ids")
    probabilities = graph.add("Softmax", logits, axis=1)
    shape = "n_rows", tables.n_classes
    content = graph.serialized(
        {"token_ids": (np.int32, ("n_rows", "n_tokens"))},
        {
            "logits": (np.float32, shape, graph.cast(logits, np.float32)),
            "probabilities": (np.float32, shape, graph.cast(probabilities, np.float32)),
        },
        {"classes": json.dumps(model.classes_.tolist(), default=str)},
    )
    with atomic_write(Path(path)) as stream:
        stream.write(content)


def _model(estimator: Any) -> Any:
    """Return the classifier that makes an estimator's predictions."""
    parts = Parts.of(estimator)
    parts.check_fitted()
    parts = parts.snapshot()
    if parts.model is None or parts.classifier is not parts.model:
        raise TypeError(
            "to_onnx writes a DenseSentimentClassifier or ConvSentimentClassifier, alone or as the "
            f"last step of a pipeline or search, got {parts.name}. Write the models inside it "
            "one by one, and combine their outputs."
        )
    return parts.model

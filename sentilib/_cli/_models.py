"""Files of fitted models: skops, which runs no code, and pickles on demand."""

import hashlib
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, BadZipFile

from sentilib import TRUSTED_TYPES
from sentilib._files import atomic_write
from sentilib._optional import import_optional

_PICKLE = b"\x80"  # protocols 2 and later


def load_model(path: str, *, unsafe: bool = False) -> Any:
    """Load a fitted estimator that predicts probabilities of texts."""
    with open(path, "rb") as stream:
        start = stream.read(4)
    if start.startswith(_PICKLE):
        if not unsafe:
            raise ValueError(
                f"{path} is a pickle, which may run any code when it is loaded: pass --unsafe if "
                "you made it yourself, or save the model with skops."
            )
        import joblib

        model = joblib.load(path)
    else:
        model = _load_skops(path)
    if not hasattr(model, "predict_proba") or not hasattr(model, "classes_"):
        raise ValueError(
            f"{path} contains a {type(model).__name__}, but expected a fitted pipeline from "
            "HTMLTokenizer to a classifier, as sentilib train writes it."
        )
    return model


def _load_skops(path: str) -> Any:
    skops = import_optional("skops.io", "A model file", "cli")
    try:
        return skops.load(path, trusted=TRUSTED_TYPES)
    except BadZipFile:
        raise ValueError(f"{path} is no model of sentilib train, or not complete.") from None
    except KeyError as error:
        raise ValueError(f"{path} is no model of sentilib train ({error}).") from error
    except Exception as error:
        if type(error).__name__ == "UntrustedTypesFoundException":
            hint = ""
            if "sklearn.metrics." in str(error):
                hint = " Of a search with a metric, save best_estimator_ instead."
            raise ValueError(
                f"{path} may run code of others and is refused: {error}{hint}"
            ) from error
        raise


def save_model(model: Any, path: Path) -> None:
    """Write a fitted estimator to a file of skops, completely or not at all."""
    skops = import_optional("skops.io", "A model file", "cli")
    with atomic_write(path) as stream:
        skops.dump(model, stream, compression=ZIP_DEFLATED)


def digest_of(path: str) -> str:
    """Return the SHA-256 of a file."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def class_names(model: Any) -> list[str]:
    """Return the names of the classes, in the order of the probabilities."""
    return [label_name(label) for label in model.classes_.tolist()]


def label_name(label: Any) -> str:
    """Return a label as text, equal for the same label of another type: 1, 1.0 and "1"."""
    if isinstance(label, bool):
        return "true" if label else "false"
    if isinstance(label, float) and label.is_integer():
        label = int(label)
    return str(label)


def predicted(model: Any, texts: list[str]) -> tuple[list, Any]:
    """Return the most probable label of each text, and the probabilities.

    An estimator around the pipeline may decide by another rule, such as a threshold.
    """
    from sentilib._pipelines import Parts

    proba = model.predict_proba(texts)
    parts = Parts.of(model)
    if parts.classifier is parts.model or getattr(parts.classifier, "voting", "") == "soft":
        labels = model.classes_[proba.argmax(axis=1)]
    else:
        labels = model.predict(texts)
    return labels.tolist(), proba

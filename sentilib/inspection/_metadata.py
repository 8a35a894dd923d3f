"""review_metadata: readability, polarity and subjectivity of texts."""

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from joblib import Parallel, delayed

from sentilib._html_tokenizer import HTMLTokenizer
from sentilib._optional import import_optional, import_pandas
from sentilib.inspection._measures._evaluation import documents
from sentilib.inspection._measures._parameters import check_parameters

if TYPE_CHECKING:
    from pandas import DataFrame

_READABILITY = (
    "flesch_reading_ease",
    "flesch_kincaid_grade",
    "smog_index",
    "gunning_fog",
    "coleman_liau_index",
    "automated_readability_index",
    "dale_chall_readability_score",
    "linsear_write_formula",
    "difficult_words",
    "reading_time",
)
_COUNTS = ("n_words", "n_sentences")
_TEXTS_AT_ONCE = 64


@check_parameters(texts=["array-like"])
def review_metadata(texts: Any, *, n_jobs: int | None = None) -> "DataFrame":
    """Measure readability, polarity and subjectivity of reviews.

    Readability comes from textstat, opinion from TextBlob's lexicon; both work without a network.
    Pass the result as `data` to `LossByFeatureDisplay`, `slices` or `report`.

    Parameters
    ----------
    texts : array-like of str of shape (n_samples,)
        Reviews, with or without markup: their visible text is measured.
    n_jobs : int or None, default=None
        Processes.

    Returns
    -------
    DataFrame of shape (n_samples, 14)
        `n_words`, `n_sentences`; `flesch_reading_ease` (0 hard to 100 easy); school grades
        `flesch_kincaid_grade`, `smog_index`, `gunning_fog`, `coleman_liau_index`,
        `automated_readability_index`, `linsear_write_formula`; `dale_chall_readability_score`;
        `difficult_words` (count); `reading_time` (seconds); `polarity` (-1 to 1) and
        `subjectivity` (0 to 1). Readability of a text without words is NaN.

    Raises
    ------
    ImportError
        If textstat or TextBlob is missing.

    References
    ----------
    R. Flesch, "A new readability yardstick", 1948; J. P. Kincaid et al., 1975; G. H. McLaughlin,
    "SMOG grading", 1969; R. Gunning, 1952; M. Coleman, T. L. Liau, 1975; E. Dale, J. S. Chall,
    1948.

    Examples
    --------
    >>> from sentilib.inspection import review_metadata
    >>> table = review_metadata(["A <b>wonderful</b> film.", "Dull."])  # doctest: +SKIP
    >>> table["polarity"].tolist()  # doctest: +SKIP
    [1.0, -0.29166666666666663]
    """
    pandas = import_pandas("review_metadata")
    import_optional("textstat", "review_metadata", "metadata")
    import_optional("textblob", "review_metadata", "metadata")
    texts, _ = documents(texts)
    parts = [texts[k : k + _TEXTS_AT_ONCE] for k in range(0, len(texts), _TEXTS_AT_ONCE)]
    rows = Parallel(n_jobs=n_jobs)(delayed(_measure_all)(part) for part in parts)
    columns = [*_COUNTS, *_READABILITY, "polarity", "subjectivity"]
    return pandas.DataFrame([row for part in rows for row in part], columns=columns)


def _measure_all(texts: list[str]) -> list[list[float]]:
    with warnings.catch_warnings():
        # textstat reads its word lists by a deprecated interface.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
        textstat = import_optional("textstat", "review_metadata", "metadata").textstat
        text_blob = import_optional("textblob", "review_metadata", "metadata").TextBlob
        tokenizer = HTMLTokenizer()
        return [_measure(tokenizer.visible_text(text), textstat, text_blob) for text in texts]


def _measure(text: str, textstat: Any, text_blob: Callable) -> list[float]:
    text = " ".join(text.split())
    n_words = textstat.lexicon_count(text)
    opinion = text_blob(text).sentiment
    readability = [float("nan")] * len(_READABILITY)
    if n_words:
        readability = [float(getattr(textstat, name)(text)) for name in _READABILITY]
    n_sentences = textstat.sentence_count(text) if n_words else 0
    return [n_words, n_sentences, *readability, opinion.polarity, opinion.subjectivity]

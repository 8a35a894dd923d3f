"""review_metadata: length, readability, polarity and subjectivity of texts."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from joblib import Parallel, delayed

from sentilib._html_tokenizer import HTMLTokenizer
from sentilib._optional import import_optional, import_pandas
from sentilib._pipelines import Progress, documents
from sentilib.inspection._measures._parameters import REVIEWS, check_parameters

if TYPE_CHECKING:
    from pandas import DataFrame

_COLUMNS = (
    "n_words",
    "n_sentences",
    "automated_readability_index",
    "coleman_liau_index",
    "polarity",
    "subjectivity",
)
_TEXTS_PER_TASK = 64
_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
_END_OF_SENTENCE = re.compile(r"""[.!?…]+["'\u201d\u2019)\]]*(?=\s|$)|\n\s*\n""")


@check_parameters(texts=REVIEWS)
def review_metadata(
    texts: Any,
    *,
    text_column: str | int | None = None,
    n_jobs: int | None = None,
    verbose: int | bool = 0,
) -> "DataFrame":
    """Measure length, readability, polarity and subjectivity of reviews.

    The result can be passed as `data` to `LossByFeatureDisplay`, `slices` or `report`. The
    readability formulas and the opinion lexicon of TextBlob are made for English. Neither needs a
    network or a corpus.

    A word is a run of letters and digits, which may contain apostrophes and hyphens. A sentence
    ends at a run of ".", "!", "?" or "…", perhaps in closing quotes or brackets, that is followed
    by white space or by the end of the text, or at a blank line, and counts if it contains a word.
    The rule knows no abbreviations: "Dr. No" has two sentences.

    Parameters
    ----------
    texts : array-like of str of shape (n_samples,)
        Reviews, with or without markup. Their visible text is measured.
    text_column : str or int, default=None
        Column of a DataFrame that contains the reviews; None means its only column of text.
    n_jobs : int or None, default=None
        Number of processes. None means 1 unless in a :obj:`joblib.parallel_backend` context; -1
        means all processors.
    verbose : int or bool, default=0
        1 prints a line before each step that may take long.

    Returns
    -------
    DataFrame of shape (n_samples, 6)
        One row per review, with the index of a Series or DataFrame:

        - `n_words`, `n_sentences`
        - `automated_readability_index`, `coleman_liau_index`: school grade of the reader who
          understands the text; NaN for a text without words
        - `polarity` (-1 negative to 1 positive), `subjectivity` (0 to 1)

    Raises
    ------
    ImportError
        If pandas or TextBlob is not installed.
    ValueError
        If there are no texts, or a parameter is invalid.

    References
    ----------
    E. A. Smith, R. J. Senter, "Automated Readability Index", AMRL-TR-66-220, 1967.

    M. Coleman, T. L. Liau, "A Computer Readability Formula Designed for Machine Scoring", Journal
    of Applied Psychology 60 (1975).

    Examples
    --------
    >>> from sentilib.inspection import review_metadata
    >>> table = review_metadata(["A <b>wonderful</b> film! Go and see it.", "Dull."])
    >>> table[["n_words", "n_sentences", "polarity"]].round(2).values.tolist()
    [[7.0, 2.0, 1.0], [1.0, 1.0, -0.29]]
    """
    pandas = import_pandas("review_metadata")
    import_optional("textblob", "review_metadata", "metadata")
    progress = Progress(verbose, "review_metadata")
    texts, frame = documents(texts, text_column)
    progress(f"Measuring {len(texts):,} reviews")
    parts = [texts[k : k + _TEXTS_PER_TASK] for k in range(0, len(texts), _TEXTS_PER_TASK)]
    rows = Parallel(n_jobs=n_jobs)(delayed(_measure_all)(part) for part in parts)
    progress.done()
    return pandas.DataFrame(
        [row for part in rows for row in part], columns=_COLUMNS, index=frame.index
    )


def _measure_all(texts: list[str]) -> list[list[float]]:
    text_blob = import_optional("textblob", "review_metadata", "metadata").TextBlob
    tokenizer = HTMLTokenizer(decode_error="replace")
    return [_measure(tokenizer.visible_text(text), text_blob) for text in texts]


def _measure(text: str, text_blob: Callable) -> list[float]:
    n_words = len(_WORD.findall(text))
    n_sentences = sum(1 for part in _END_OF_SENTENCE.split(text) if _WORD.search(part))
    automated = coleman_liau = float("nan")
    if n_words:
        n_characters = sum(map(str.isalnum, text))
        automated = 4.71 * n_characters / n_words + 0.5 * n_words / n_sentences - 21.43
        coleman_liau = 5.88 * n_characters / n_words - 29.6 * n_sentences / n_words - 15.8
    opinion = text_blob(text).sentiment
    return [
        n_words,
        n_sentences,
        automated,
        coleman_liau,
        opinion.polarity,
        opinion.subjectivity,
    ]

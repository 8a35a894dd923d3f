"""Heat-maps: Shapley values of the words of reviews, in the form that is displayed."""

from typing import NamedTuple

import numpy as np

from sentilib._ids import OOV, PAD
from sentilib._pipelines import Reviews
from sentilib.explain._explainer import values_of


class HeatMap(NamedTuple):
    """Text of a review, cut at its words, and the value of each word."""

    pieces: list[str]  # text, word, text, ..., word, text, which join to the visible text
    values: np.ndarray  # shape (n_words,); positive values pull toward the class
    tokens: list[str]  # folded words
    unknown: list[int]  # numbers of the words that the model does not know
    cut: list[int]  # numbers of the texts before, between and after words that the tokenizer cut


def heat_maps(
    reviews: Reviews, rows: np.ndarray, toward: np.ndarray, values: np.ndarray | None = None
) -> list[HeatMap]:
    """Compute the heat-maps of some reviews.

    Parameters
    ----------
    reviews : Reviews
        Reviews as a fitted estimator reads them.
    rows : ndarray of shape (n_rows,), int
        Indices of the reviews.
    toward : ndarray of shape (n_rows,), int
        Class that positive values pull toward, for each of these reviews. With more than two
        classes, a value is the contribution to the logit of the class minus the mean over all
        classes.
    values : ndarray of shape (n_rows,), dtype=object, default=None
        What `values_of` returns for these rows, which is computed by default.

    Returns
    -------
    list of HeatMap
        One heat-map per row.

    Raises
    ------
    TypeError, ValueError
        If the classifier cannot be explained.
    """
    if not len(rows):
        return []
    reviews.parts.check_explained()
    known_ids = reviews.known_ids[rows]
    all_values = values_of(reviews, rows) if values is None else values
    maps = []
    for row, k, ids, own in zip(rows.tolist(), toward.tolist(), known_ids, all_values, strict=True):
        unknown = np.flatnonzero(ids[ids != PAD] == OOV).tolist()
        if own.shape[1] == 1:
            own = own[:, 0] if k == 1 else -own[:, 0]
        else:
            own = own[:, k] - own.mean(axis=1)
        if reviews.reading is None:
            names = reviews.names_of(row)
            pieces = ["", *(piece for name in names for piece in (name, " "))]
            maps.append(HeatMap(pieces, own, names, unknown, []))
            continue
        places = reviews.places(row)
        maps.append(HeatMap(places.pieces, own, places.tokens, unknown, places.cut_pieces))
    return maps


def plain_texts(reviews: Reviews, rows: np.ndarray) -> list[HeatMap]:
    """Return the visible texts of some reviews in the same form, without words."""
    return [HeatMap([reviews.visible_text(k)], np.empty(0), [], [], []) for k in rows.tolist()]


def strongest_words(heat_map: HeatMap, n_words: int) -> tuple[str, str]:
    """Return the words that pull most toward the class, and those that pull most away from it."""
    total: dict[str, float] = {}
    for token, value in zip(heat_map.tokens, heat_map.values.tolist(), strict=True):
        total[token] = total.get(token, 0.0) + value
    ranked = sorted(total.items(), key=lambda item: -item[1])
    toward = [token for token, value in ranked[:n_words] if value > 0]
    away = [token for token, value in ranked[::-1][:n_words] if value < 0]
    return " ".join(toward), " ".join(away)

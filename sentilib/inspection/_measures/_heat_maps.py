"""What each word of a review did to its prediction: exact Shapley values, ready to be shown."""

from typing import Any, NamedTuple

import numpy as np

from sentilib._pages._heat_map import around
from sentilib.explain import TokenShapExplainer
from sentilib.inspection._measures._evaluation import Reviews


class HeatMap(NamedTuple):
    """A review cut at its words, and what each word did."""

    pieces: list[str]  # text, word, text, ..., word, text: joined, the visible text
    values: np.ndarray  # of shape (n_words,); positive pulls toward the class
    tokens: list[str]  # the words, folded
    head_is_cut: bool  # whether the text before the first word was cut off by the tokenizer


def heat_maps(reviews: Reviews, rows: np.ndarray, toward: np.ndarray) -> list[HeatMap]:
    """Explain some reviews.

    Parameters
    ----------
    reviews : Reviews
        Read by a fitted estimator.
    rows : ndarray of shape (n_rows,), int
        Which.
    toward : ndarray of shape (n_rows,), int
        Class that positive values pull to, for each. With more than two classes a value is the
        word's share in the class's logit, less the mean over all classes.

    Returns
    -------
    list of HeatMap
        One a row.

    Raises
    ------
    TypeError
        If the classifier is not one that can be explained.
    """
    if not len(rows):
        return []
    explainer = TokenShapExplainer(reviews.estimator, random_state=0)
    chosen: Any = reviews.ids[rows]
    if reviews.texts is not None:
        chosen = [reviews.texts[row] for row in rows]
    explanation = explainer.explain(chosen)
    maps = []
    for k, row in enumerate(rows.tolist()):
        values = np.asarray(explanation.values[k], dtype=np.float64)
        if values.ndim == 1:
            values = values if toward[k] == 1 else -values
        else:
            values = values[:, toward[k]] - values.mean(axis=1)
        words, segments = list(explanation.display_data[k]), list(explanation.data[k])
        tokens = [str(token) for token in explanation.feature_names[k]]
        if reviews.texts is None or reviews.tokenizer is None:
            names = reviews.words[reviews.ids[row][reviews.ids[row] != 0]]
            pieces = [""]
            for name in names:
                pieces += [str(name), " "]
            maps.append(HeatMap(pieces, values, names.tolist(), False))
            continue
        visible = reviews.tokenizer.visible_text(reviews.texts[row])
        read = "".join(segments)
        start = visible.rfind(read)  # -1 where a step between tokenizer and classifier made words
        pieces = [visible[: max(start, 0)]]
        for word, segment in zip(words, segments, strict=True):
            before, after = around(segment, word)
            pieces[-1] += before
            pieces += [word, after]
        if start >= 0:
            pieces[-1] += visible[start + len(read) :] if segments else ""
        cut = bool(reviews.truncated[row]) and reviews.tokenizer.truncating == "pre"
        maps.append(HeatMap(pieces, values, tokens, cut))
    return maps


def strongest_words(heat_map: HeatMap, n_words: int) -> tuple[str, str]:
    """Name the words that pull most toward the class, and those that pull most away from it."""
    total: dict[str, float] = {}
    for token, value in zip(heat_map.tokens, heat_map.values.tolist(), strict=True):
        total[token] = total.get(token, 0.0) + value
    ranked = sorted(total.items(), key=lambda item: -item[1])
    toward = [token for token, value in ranked[:n_words] if value > 0]
    away = [token for token, value in ranked[::-1][:n_words] if value < 0]
    return " ".join(toward), " ".join(away)

"""Heat-maps of estimators that combine several models: the mean of these models' own."""

from dataclasses import replace

import numpy as np

from sentilib._pipelines import Reviews
from sentilib._pipelines._parts import Parts, members_of
from sentilib._sklearn import safe_indexing
from sentilib.inspection._measures._heat_maps import HeatMap, heat_maps

_MAX_MEMBERS = 10


def member_heat_maps(
    reviews: Reviews, rows: np.ndarray, toward: np.ndarray
) -> tuple[list[HeatMap], str] | None:
    """Compute heat-maps of the models inside an estimator that combines several.

    Shapley values are linear: where all models read the same words, the mean of their values is
    exact for the mean of their margins.

    Parameters
    ----------
    reviews : Reviews
        Reviews as the estimator reads them.
    rows, toward : ndarray of shape (n_rows,), int
        As in `heat_maps`.

    Returns
    -------
    maps : list of HeatMap
        One heat-map per row.
    about : str
        A sentence that says whose contributions they show.
    None
        If no model inside predicts the classes of the estimator.
    """
    if reviews.parts.model is not None or not reviews.parts.members or reviews.moved:
        return None
    n_classes = len(reviews.classifier.classes_)
    members = [
        (path, parts)
        for path, parts in members_of(reviews.parts.estimator)
        if len(parts.model.classes_) == n_classes
    ][:_MAX_MEMBERS]
    if not members:
        return None
    found = [_heat_maps(reviews, parts, rows, toward) for _, parts in members]
    alike = all(
        len({tuple(heat_map.pieces) for heat_map in maps}) == 1 for maps in zip(*found, strict=True)
    )
    what = reviews.parts.name
    paths = [f"estimator{path}" for path, _ in members]
    if len(members) == 1 or not alike:
        return found[0], (
            f"{what} combines several models. The heat-maps show the contributions to the margin "
            f"of one of them, {paths[0]}, not to the prediction of all."
        )
    maps = [
        several[0]._replace(values=np.mean([heat_map.values for heat_map in several], axis=0))
        for several in zip(*found, strict=True)
    ]
    return maps, (
        f"{what} combines several models. The heat-maps show the mean of the contributions to the "
        f"margins of {len(paths)} of them, {paths[0]} to {paths[-1].removeprefix('estimator')}: "
        f"exact for their mean margin, not for the probability that {what} computes from them."
    )


def _heat_maps(
    reviews: Reviews, parts: Parts, rows: np.ndarray, toward: np.ndarray
) -> list[HeatMap]:
    """Compute the heat-maps of one model, which reads the reviews itself or as ids."""
    if not reviews.parts.reads_documents:
        return heat_maps(replace(reviews, parts=parts), rows, toward)
    assert reviews.texts is not None
    X = [reviews.texts[row] for row in rows.tolist()]
    if reviews.parts.front or reviews.parts.tables is not None:
        X = safe_indexing(reviews.given, rows)
    return heat_maps(Reviews.read(parts, X), np.arange(len(rows)), toward)

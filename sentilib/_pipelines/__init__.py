"""Parts of fitted estimators, and the reviews that they read, in any container."""

from sentilib._pipelines._frames import (
    Frame,
    as_column,
    as_series,
    is_missing,
    named_rows,
    read_frame,
    row_names,
)
from sentilib._pipelines._parts import Parts, resamples
from sentilib._pipelines._progress import Progress
from sentilib._pipelines._reviews import Reviews, documents, read_reviews, snippets

__all__ = [
    "Frame",
    "Parts",
    "Progress",
    "Reviews",
    "as_column",
    "as_series",
    "documents",
    "is_missing",
    "named_rows",
    "read_frame",
    "read_reviews",
    "resamples",
    "row_names",
    "snippets",
]

"""Projection of the latent space to two or three dimensions."""

from typing import Any

import numpy as np
from sklearn.decomposition import PCA

from sentilib.inspection._measures._clusters import seeded_clone


def project(
    latent: np.ndarray, n_components: int, transformer: Any, random_state: Any
) -> tuple[np.ndarray, list[str]]:
    """Project latent vectors to two or three dimensions, and name the axes.

    Each unit is divided by the square root of its standard deviation (Pareto scaling, van den Berg
    et al., 2006). Otherwise the evidence of n-grams, which is a logit, would dominate.
    """
    latent = latent.astype(np.float64)
    spread = latent.std(axis=0)
    latent = latent / np.sqrt(np.where(spread > 0, spread, 1))
    if transformer is not None:
        transformer = seeded_clone(transformer, random_state)
        points = np.asarray(transformer.fit_transform(latent), dtype=np.float64)
        if points.ndim != 2 or points.shape[1] not in (2, 3):
            raise ValueError(
                f"{type(transformer).__name__} must return 2 or 3 dimensions, got shape "
                f"{points.shape}. Set its n_components."
            )
        name = type(transformer).__name__
        return points, [f"{name} {k + 1}" for k in range(points.shape[1])]
    if min(latent.shape) < n_components:
        raise ValueError(
            f"PCA to {n_components} dimensions needs at least as many reviews and latent units, "
            f"got {latent.shape[0]} reviews of {latent.shape[1]} units."
        )
    pca = PCA(n_components, svd_solver="full").set_output(transform="default")
    with np.errstate(invalid="ignore"):  # reviews may be all alike
        points = pca.fit_transform(latent)
    shares = pca.explained_variance_ratio_ if spread.any() else np.zeros(n_components)
    return points, [
        f"Component {k + 1} ({share:.0%} of variance)" for k, share in enumerate(shares)
    ]

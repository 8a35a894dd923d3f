"""Heat-maps as the pages' scripts read them."""

from typing import Any

import numpy as np

from sentilib.inspection._measures._evaluation import Evaluation
from sentilib.inspection._measures._heat_maps import HeatMap

_STEPS = 100  # of a heat-map's colour


def toward_class(evaluation: Evaluation) -> np.ndarray:
    """Class that each heat-map pulls to: the second of two, else the predicted one."""
    if len(evaluation.classes) == 2:
        return np.ones(len(evaluation), dtype=np.int64)
    return evaluation.predicted


def compact_heat_map(heat_map: HeatMap, toward: int) -> list[Any]:
    """Give pieces, values in whole steps, the class, a step, whether the head is cut."""
    largest = float(np.abs(heat_map.values).max(initial=0.0))
    step = largest / _STEPS or 1.0
    steps = np.rint(heat_map.values / step).astype(int).tolist()
    return [heat_map.pieces, steps, toward, float(f"{step:.4g}"), int(heat_map.head_is_cut)]

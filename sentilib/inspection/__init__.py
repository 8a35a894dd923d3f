"""Tools that show where a model errs and why: tables, displays, label issues, leaks, a report."""

from typing import TYPE_CHECKING

from sentilib._optional import lazy_names

if TYPE_CHECKING:
    from sentilib.inspection._checks._run import checks
    from sentilib.inspection._compare import Comparison, compare
    from sentilib.inspection._data_shift import DataShift, data_shift
    from sentilib.inspection._error_table import error_table
    from sentilib.inspection._label_issues import find_label_issues
    from sentilib.inspection._latent_space import LatentSpaceDisplay
    from sentilib.inspection._leaks import Leaks, find_leaks
    from sentilib.inspection._loss_by_feature import LossByFeatureDisplay
    from sentilib.inspection._metadata import review_metadata
    from sentilib.inspection._report._writer import report
    from sentilib.inspection._slices import slices
    from sentilib.inspection._training_history import TrainingHistoryDisplay

_HOME = {
    "Comparison": "_compare",
    "DataShift": "_data_shift",
    "LatentSpaceDisplay": "_latent_space",
    "Leaks": "_leaks",
    "LossByFeatureDisplay": "_loss_by_feature",
    "TrainingHistoryDisplay": "_training_history",
    "checks": "_checks._run",
    "compare": "_compare",
    "data_shift": "_data_shift",
    "error_table": "_error_table",
    "find_label_issues": "_label_issues",
    "find_leaks": "_leaks",
    "report": "_report._writer",
    "review_metadata": "_metadata",
    "slices": "_slices",
}

__all__ = [
    "Comparison",
    "DataShift",
    "LatentSpaceDisplay",
    "Leaks",
    "LossByFeatureDisplay",
    "TrainingHistoryDisplay",
    "checks",
    "compare",
    "data_shift",
    "error_table",
    "find_label_issues",
    "find_leaks",
    "report",
    "review_metadata",
    "slices",
]

__getattr__, __dir__ = lazy_names(__name__, _HOME)

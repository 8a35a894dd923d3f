"""Checks of the split: reviews and groups on both sides, shift."""

from sentilib.inspection._checks._evidence import Evidence, Outcome, limits, not_checked, outcome

MAX_LEAKED = 0.01  # share of the evaluated reviews
MAX_AUC = 0.75


def leaked_reviews(evidence: Evidence) -> Outcome:
    """Count evaluated reviews that have a duplicate or near duplicate in training."""
    if evidence.leaks is None:
        return not_checked("needs training reviews as text")
    table, n = evidence.leaks.duplicates, len(evidence.reviews)
    shared = int((table["across_splits"] & (table["split"] == "test")).sum())
    return outcome(
        shared > MAX_LEAKED * n,
        f"{shared:,} of {n:,} reviews ({shared / n:.1%}) have a duplicate or near duplicate among "
        "the training reviews",
        shared / n,
    )


def leaked_groups(evidence: Evidence) -> Outcome:
    """Count evaluated reviews whose group is in training."""
    if evidence.leaks is None or not evidence.has_groups:
        return not_checked("needs the groups of training and evaluated reviews")
    groups, n = evidence.leaks.shared_groups, len(evidence.reviews)
    shared = int(groups["n_test"].sum())
    return outcome(
        shared > MAX_LEAKED * n,
        f"{shared:,} of {n:,} reviews ({shared / n:.1%}) belong to {len(groups):,} groups that are "
        "in training too",
        shared / n,
    )


def shift(evidence: Evidence) -> Outcome:
    """Look at how well a classifier tells evaluated reviews from training reviews."""
    found = evidence.shift
    if found is None:
        return not_checked(
            "needs five training reviews and five others, as text, of five groups each"
        )
    warns = found.auc_low > MAX_AUC
    telling = ", ".join(map(repr, found.words.index[:5])) if warns else ""
    return outcome(
        warns,
        f"a classifier tells the two apart with an AUC of {found.auc:.3f} "
        f"{limits(found.auc_low, found.auc_high)}{f', by {telling}' if telling else ''}",
        found.auc,
        found.auc_low,
        found.auc_high,
    )

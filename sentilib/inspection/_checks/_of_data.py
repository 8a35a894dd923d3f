"""Checks of the evaluated reviews: small classes, trivial rules, labels, lost words."""

import numpy as np

from sentilib.inspection._checks._evidence import Evidence, Outcome, limits, not_checked, outcome
from sentilib.inspection._measures._confident_learning import likely_issues
from sentilib.inspection._measures._near_duplicates import read_words
from sentilib.inspection._measures._rules import best_rule
from sentilib.inspection._measures._statistics import mean_interval, share_interval

MAX_WIDTH = 0.20  # of the interval of a recall
MAX_OF_RULE = 0.90  # balanced accuracy
MAX_DOUBTED = 0.10  # share of the labels
MAX_TRUNCATED = 0.10  # share of the reviews
MAX_UNKNOWN = 0.05  # share of the tokens
_MAX_REVIEWS = 5000  # that a rule is chosen on, and measured on


def small_classes(evidence: Evidence) -> Outcome:
    """Compute the width of the widest interval of a class's recall."""
    evaluation, widths = evidence.evaluation, []
    for label in range(len(evaluation.classes)):
        correct = evaluation.correct[evaluation.truth == label]
        low, high = share_interval(correct.sum(), len(correct), evidence.confidence_level)
        widths.append((high - low if len(correct) else 1.0, label, len(correct), low, high))
    width, label, n, low, high = max(widths, key=lambda found: found[0])
    name = evaluation.classes[label]
    if n == 0:
        return outcome(True, f"no review has the label {name}", 1.0)
    return outcome(
        width > MAX_WIDTH,
        f"the recall of the class {name}, of {n:,} reviews, is only known to be in "
        f"{limits(low, high)}",
        width,
    )


def trivial_rule(evidence: Evidence) -> Outcome:
    """Measure the best rule of one word, one pair of words or the length."""
    reviews, training = evidence.reviews, evidence.training
    if reviews.texts is None:
        return not_checked("needs reviews as text")
    rows, rng = evidence.rng.permutation(len(reviews)), evidence.rng
    truth = evidence.evaluation.truth
    if training is not None and training.reviews.texts is not None:
        learnt, rows = rng.permutation(len(training))[:_MAX_REVIEWS], rows[:_MAX_REVIEWS]
        sides = [(training.reviews.texts, learnt), (reviews.texts, rows)]
        truth, n_learnt = np.concatenate([training.truth[learnt], truth[rows]]), len(learnt)
    else:
        rows = rows[: 2 * _MAX_REVIEWS]
        sides = [(reviews.texts, rows)]
        truth, n_learnt = truth[rows], len(rows) // 2
    readings = reviews.reading if len(sides) == 1 else None
    if readings is None:
        readings = read_words([texts[k] for texts, chosen in sides for k in chosen.tolist()])
        rows = np.arange(len(readings))
    rule = best_rule(readings, rows, truth, n_learnt, evidence.confidence_level)
    if rule is None:
        return not_checked("needs words, and two classes where a rule is chosen and measured")
    return outcome(
        rule.low > MAX_OF_RULE,
        f"“{evidence.evaluation.classes[rule.label]}, if {rule.text}” has a balanced accuracy of "
        f"{rule.accuracy:.3f} {limits(rule.low, rule.high)}",
        *rule[2:],
    )


def doubted_labels(evidence: Evidence) -> Outcome:
    """Count likely label errors by confident learning."""
    n_doubted, n = len(likely_issues(evidence.evaluation)), len(evidence.evaluation)
    low, high = share_interval(n_doubted, n, evidence.confidence_level)
    return outcome(
        low > MAX_DOUBTED,
        f"{n_doubted:,} of {n:,} labels ({n_doubted / n:.1%}) are likely wrong {limits(low, high)}",
        n_doubted / n,
        low,
        high,
    )


def truncated_reviews(evidence: Evidence) -> Outcome:
    """Count reviews of which the model does not read all words."""
    reviews = evidence.reviews
    if reviews.reading is None or reviews.parts.counts_only:
        return not_checked("needs reviews as text, and a tokenizer in the estimator")
    n_cut, n = int(reviews.truncated.sum()), len(reviews)
    low, high = share_interval(n_cut, n, evidence.confidence_level)
    return outcome(
        low > MAX_TRUNCATED,
        f"{n_cut:,} of {n:,} reviews ({n_cut / n:.1%}) are longer than the "
        f"{reviews.ids.shape[1]:,} tokens that are read {limits(low, high)}",
        n_cut / n,
        low,
        high,
    )


def unknown_words(evidence: Evidence) -> Outcome:
    """Compute the share of unknown words in a review."""
    rates = evidence.reviews.oov_rate
    low, high = mean_interval(rates, evidence.confidence_level)
    return outcome(
        low > MAX_UNKNOWN,
        f"{rates.mean():.1%} of the tokens of a review are unknown words, on average "
        f"{limits(low, high)}",
        rates.mean(),
        low,
        high,
    )

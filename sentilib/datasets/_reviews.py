"""Generated reviews with a known sentiment: for texts what `make_classification` is for numbers.

A review is a shuffle of opinion sentences and neutral ones. An opinion has a value from -3 to 3,
never 0; the review's score is the weighted mean of its values, divided by 3, and its label is the
class interval that contains the score. Labels are therefore exact before the noise is added, and a
model that reads words in their context can predict them without error.
"""

from collections.abc import Iterator, Sequence
from numbers import Integral, Real
from typing import TypeVar

import numpy as np
from sklearn.utils import Bunch, check_random_state

from sentilib._sklearn import Interval, validate_params
from sentilib.datasets import _review_words as words

_T = TypeVar("_T")


@validate_params(
    {
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "n_classes": [Interval(Integral, 2, 10, closed="both")],
        "n_movies": [Interval(Integral, 1, None, closed="left"), None],
        "length": [Interval(Integral, 20, None, closed="left")],
        "negation": [Interval(Real, 0, 1, closed="both")],
        "label_noise": [Interval(Real, 0, 1, closed="both")],
        "markup": ["boolean"],
        "return_X_y": ["boolean"],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_reviews(
    n_samples: int = 1000,
    *,
    n_classes: int = 2,
    n_movies: int | None = None,
    length: int = 100,
    negation: float = 0.25,
    label_noise: float = 0.05,
    markup: bool = True,
    return_X_y: bool = True,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch | tuple[list[str], np.ndarray]:
    """Generate labelled movie reviews in raw HTML.

    Each review mixes opinions of graded strength ("superb", "decent", "dull") with neutral
    sentences about cast, plot and places. Opinions come plain, intensified, hedged ("mildly
    entertaining"), negated ("not good", "never boring") or in contrast ("the cast was great, but
    the ending was dull", where the second part counts double). The clean label follows from the
    opinions alone, so a model that reads words in context can reach an accuracy of about
    `1 - label_noise`; one that counts single words is misled by negation.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of reviews.

    n_classes : int, default=2
        Number of classes, from 2 to 10, ordered from worst to best and about equally frequent.

    n_movies : int, default=None
        Number of movies that the reviews are about, at most `n_samples`. If None, one per 8
        reviews. Reviews of one movie name its title and its lead and tend to agree, so that a
        random split leaks as it does in real reviews.

    length : int, default=100
        Median number of words in a review. Lengths are log-normal, between 20 and `3 * length`
        apart from the last sentence.

    negation : float, default=0.25
        Share of the opinions that are expressed by negating a word of the other side.

    label_noise : float, default=0.05
        Share of the labels that are replaced by another class: exactly
        `round(label_noise * n_samples)` of them.

    markup : bool, default=True
        Whether to write tags and entities. If False, the same reviews are plain text.

    return_X_y : bool, default=True
        Whether to return `(X, y)`. If False, return a Bunch that also describes how the reviews
        were generated.

    random_state : int, RandomState instance or None, default=None
        Source of all random choices. Pass an int for the same reviews in every call.

    Returns
    -------
    X : list of str of shape (n_samples,)
        The reviews. Only if `return_X_y=True`.
    y : ndarray of shape (n_samples,), dtype=int64
        The labels, from 0 (worst) to `n_classes - 1`. Only if `return_X_y=True`.
    dataset : :class:`~sklearn.utils.Bunch`
        Only if `return_X_y=False`. Dictionary-like object, with the following attributes.

        data : list of str of shape (n_samples,)
            The reviews.
        target : ndarray of shape (n_samples,), dtype=int64
            The labels with noise.
        target_clean : ndarray of shape (n_samples,), dtype=int64
            The labels before the noise.
        flipped : ndarray of shape (n_samples,), dtype=bool
            Where the two differ.
        score : ndarray of shape (n_samples,), dtype=float64
            Weighted mean of the opinions, from -1 to 1; `target_clean` is the number of the
            interval that contains it, among `n_classes` equal ones.
        rating : ndarray of shape (n_samples,), dtype=int64
            The score in stars, from 1 to 10.
        movie : ndarray of shape (n_samples,), dtype=str
            The movie under review, the `groups` of group-aware folds.
        DESCR : str
            Description of the data.

    Raises
    ------
    ValueError
        If a parameter has a wrong type or value, or `n_movies` is greater than `n_samples`.

    See Also
    --------
    load_imdb : Real reviews.

    Examples
    --------
    >>> from sentilib.datasets import make_reviews
    >>> X, y = make_reviews(n_samples=100, random_state=0)
    >>> len(X), y.shape
    (100, (100,))
    >>> reviews = make_reviews(n_samples=100, return_X_y=False, random_state=0)
    >>> int(reviews.flipped.sum()), len(set(reviews.movie.tolist()))
    (5, 12)
    """
    rng = check_random_state(random_state)
    n_movies = max(1, n_samples // 8) if n_movies is None else n_movies
    if n_movies > n_samples:
        raise ValueError(f"n_movies={n_movies} must not be greater than n_samples={n_samples}.")

    tendency = _balanced_tendencies(n_samples, n_classes, rng)
    movie = _movies_by_tendency(tendency, n_movies, rng)
    lengths = np.exp(np.log(length) + 0.5 * rng.standard_normal(n_samples))
    lengths = np.clip(lengths, 20, 3 * length).astype(np.int64)
    writer = _Writer(rng, negation, markup)

    leads = [writer.name() for _ in range(n_movies)]
    rows = zip(tendency.tolist(), movie.tolist(), lengths.tolist(), strict=True)
    written = [writer.review(t, _title(m), leads[m], n) for t, m, n in rows]
    total, weight = np.array([sums for _, sums in written], dtype=np.int64).T
    # Integers up to here: which interval contains a score must not depend on a rounding error.
    target_clean = _interval(total, weight, n_classes)
    target, flipped = _flip(target_clean, n_classes, label_noise, rng)

    data = [text for text, _ in written]
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        target_clean=target_clean,
        flipped=flipped,
        score=total / (3 * weight),
        rating=1 + _interval(total, weight, 10),
        movie=np.array([f"movie{m:06d}" for m in movie.tolist()]),
        DESCR=f"{n_samples} generated reviews of {n_movies} movies, in {n_classes} classes.",
    )


def _balanced_tendencies(n_samples: int, n_classes: int, rng: np.random.RandomState) -> np.ndarray:
    """Draw the score that each review aims at: inside its class, away from its neighbours."""
    classes = rng.permutation(np.arange(n_samples) % n_classes)
    low = np.where(classes == 0, 0.0, 0.25)
    high = np.where(classes == n_classes - 1, 1.0, 0.75)
    within = low + (high - low) * rng.random_sample(n_samples)
    return 2 * (classes + within) / n_classes - 1


def _movies_by_tendency(
    tendency: np.ndarray, n_movies: int, rng: np.random.RandomState
) -> np.ndarray:
    """Assign movies to reviews, so that reviews of one movie aim at similar scores.

    Every movie gets at least one review; their numbers of reviews are uneven.
    """
    n_samples = len(tendency)
    order = np.argsort(tendency + 0.6 * rng.standard_normal(n_samples), kind="stable")
    starts = np.zeros(n_samples, dtype=np.int64)
    starts[1 + rng.permutation(n_samples - 1)[: n_movies - 1]] = 1
    movie = np.empty(n_samples, dtype=np.int64)
    movie[order] = rng.permutation(n_movies)[np.cumsum(starts)]
    return movie


def _interval(total: np.ndarray, weight: np.ndarray, n_intervals: int) -> np.ndarray:
    return np.minimum((total + 3 * weight) * n_intervals // (6 * weight), n_intervals - 1)


def _flip(
    target: np.ndarray, n_classes: int, label_noise: float, rng: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    n_samples = len(target)
    flipped = np.zeros(n_samples, dtype=bool)
    flipped[rng.permutation(n_samples)[: round(label_noise * n_samples)]] = True
    shift = 1 + (rng.random_sample(n_samples) * (n_classes - 1)).astype(np.int64)
    return np.where(flipped, (target + shift) % n_classes, target), flipped


def _title(movie: int) -> str:
    series, combination = divmod(movie, len(words.TITLE_FIRST) * len(words.TITLE_SECOND))
    second, first = divmod(combination, len(words.TITLE_FIRST))
    number = f" {series + 1}" if series else ""
    return f"The {words.TITLE_FIRST[first]} {words.TITLE_SECOND[second]}{number}"


def _uniforms(rng: np.random.RandomState) -> Iterator[float]:
    """Yield uniform numbers, drawn in blocks: one call per number would dominate the run time."""
    while True:
        yield from rng.random_sample(4096).tolist()


class _Writer:
    """Writer of reviews; every choice is drawn from one stream of uniform numbers."""

    def __init__(self, rng: np.random.RandomState, negation: float, markup: bool) -> None:
        self.uniform = _uniforms(rng).__next__
        self.negation = negation
        self.markup = markup

    def pick(self, options: Sequence[_T]) -> _T:
        return options[int(self.uniform() * len(options))]

    def name(self) -> str:
        return f"{self.pick(words.FIRST_NAMES)} {self.pick(words.LAST_NAMES)}"

    def review(
        self, tendency: float, title: str, lead: str, length: int
    ) -> tuple[str, tuple[int, int]]:
        """Write one review; return it and its (sum of weighted values, sum of weights)."""
        uniform, pick = self.uniform, self.pick
        facts = self.facts(title, lead)
        opening = pick(words.OPENINGS).format_map(facts)
        aspects, fillers = self.walk(words.ASPECTS), self.walk(words.FILLERS)
        sentences = []
        total = weight = 0
        n_words = opening.count(" ") + 1
        n_opinions = max(3, length // 20)
        while weight < n_opinions:
            # The last opinion stands alone, to bring the mean home.
            if n_opinions - weight > 3 and uniform() < 0.15:
                value = self.value(tendency, total, weight, spread=1.5)
                turn = self.value(tendency, total + value, weight + 1, spread=1.5)
                total, weight = total + value + 2 * turn, weight + 3
                emphasis = self.phrase(turn)
                sentence = pick(words.CONTRASTS).format(
                    aspect=next(aspects),
                    phrase=self.phrase(value),
                    other=next(aspects),
                    turn=emphasis,
                )
            else:
                spread = 1.5 if weight + 1 < n_opinions else 0.0
                value = self.value(tendency, total, weight, spread)
                total, weight = total + value, weight + 1
                emphasis = self.phrase(value)
                sentence = pick(words.OPINIONS).format(aspect=next(aspects), phrase=emphasis)
            # Without its verb: "is <b>far from dull</b>".
            emphasis = emphasis.partition(" ")[2] if uniform() < 0.1 else ""
            sentences.append((sentence, emphasis))
            n_words += sentence.count(" ") + 1
        while n_words < length:
            sentence = next(fillers).format_map(facts)
            sentences.append((sentence, ""))
            n_words += sentence.count(" ") + 1
        sentences.sort(key=lambda _: uniform())
        return self.layout([(opening, title), *sentences]), (total, weight)

    def facts(self, title: str, lead: str) -> dict[str, object]:
        pick = self.pick
        return {
            "title": title,
            "lead": lead,
            "other": self.name(),
            "third": self.name(),
            "job": pick(words.JOBS),
            "other_job": pick(words.JOBS),
            "task": pick(words.TASKS),
            "place": pick(words.PLACES),
            "other_place": pick(words.PLACES),
            "day": pick(words.DAYS),
            "year": 1930 + int(90 * self.uniform()),
            "minutes": 70 + int(80 * self.uniform()),
        }

    def walk(self, options: Sequence[_T]) -> Iterator[_T]:
        """Yield all options in one of many orders: their number is prime, so any step will do."""
        step = 1 + int(self.uniform() * (len(options) - 1))
        at = int(self.uniform() * len(options))
        while True:
            yield options[at]
            at = (at + step) % len(options)

    def value(self, tendency: float, total: int, weight: int, spread: float) -> int:
        """Draw a value that leads the running mean back to the tendency."""
        aim = 3 * tendency * (weight + 1) - total + spread * (2 * self.uniform() - 1)
        value = min(3, max(-3, round(aim)))
        return value if value else (1 if tendency > 0 else -1)

    def phrase(self, value: int) -> str:
        """Return a value in words: a verb, then adverbs, then an adjective."""
        pick, adjectives = self.pick, words.ADJECTIVES
        verb = pick(("is", "was"))
        side, strength = (1, value) if value > 0 else (-1, -value)
        if self.uniform() < self.negation:
            opposite, negators = words.NEGATIONS[strength]
            negator = pick(negators)
            if negator == "not" and self.uniform() < 0.4:
                return f"{verb}n't {pick(adjectives[-side * opposite])}"
            return f"{verb} {negator} {pick(adjectives[-side * opposite])}"
        if strength < 3 and self.uniform() < 0.3:
            return f"{verb} {pick(words.HEDGES)} {pick(adjectives[side * (strength + 1)])}"
        if strength > 1 and self.uniform() < 0.3:
            return f"{verb} {pick(words.INTENSIFIERS)} {pick(adjectives[side * (strength - 1)])}"
        return f"{verb} {pick(adjectives[value])}"

    def layout(self, sentences: list[tuple[str, str]]) -> str:
        """Join pairs of (sentence, words to emphasize); markup changes no visible character."""
        uniform = self.uniform
        escapes = words.ESCAPES[uniform() < 0.3]
        paragraphs: list[list[str]] = [[]]
        for number, (sentence, emphasis) in enumerate(sentences):
            if number and uniform() < 0.15:
                paragraphs.append([])
            tag = self.pick(words.EMPHASIS) if emphasis else ""
            if self.markup:
                sentence = sentence.translate(escapes)
                if emphasis:
                    emphasis = emphasis.translate(escapes)
                    sentence = sentence.replace(emphasis, f"<{tag}>{emphasis}</{tag}>", 1)
            paragraphs[-1].append(sentence)
        if self.uniform() < 0.05:
            paragraphs[-1].append(self.pick(words.EMOJI))
        joined = [" ".join(paragraph) for paragraph in paragraphs]
        as_blocks = self.uniform() < 0.2
        if not self.markup:
            return "\n\n".join(joined)
        if as_blocks:
            return "".join(f"<p>{paragraph}</p>" for paragraph in joined)
        return "<br /><br />".join(joined)

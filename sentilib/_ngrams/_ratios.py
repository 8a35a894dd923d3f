"""Counts of n-grams by class, and their log-count ratios.

With two classes, the ratio of an n-gram is the log-odds of S. Wang, C. D. Manning, "Baselines and
Bigrams: Simple, Good Sentiment and Topic Classification", ACL 2012, section 2. With more, each
class has one, the log of the n-gram's share in the class to its share in all classes, as in
multinomial naive Bayes; a constant for all classes, which changes no probability, makes it 0 where
the n-gram does not occur, so that the number of ratios grows with the text, not with the classes.
"""

from collections.abc import Callable
from typing import NamedTuple, Self

import numpy as np
import scipy.sparse

from sentilib._compiled._threads import in_threads, n_threads, row_slices
from sentilib._ngrams._dictionary import Found

_PAIRS_AT_ONCE = 2**14  # whose intermediate results fit into a near cache


class Counts(NamedTuple):
    """Sums of the weights of n-grams' rows, by class and fold.

    With two classes all pairs of n-gram and class are listed, otherwise those that occur.
    """

    starts: np.ndarray  # int64 (n_ngrams + 1,), first pair of each n-gram
    classes: np.ndarray  # int32 (n_pairs,)
    by_fold: np.ndarray  # float64 (n_folds, n_pairs)

    @classmethod
    def of_table(cls, table: np.ndarray) -> Self:
        """List the counts of a table (n_ngrams, n_classes), as those of a single fold."""
        n_ngrams, n_classes = table.shape
        if n_classes == 2:
            return cls(*_all_pairs(n_ngrams), table.reshape(1, -1))
        sparse = scipy.sparse.csr_array(table)
        starts, classes = sparse.indptr.astype(np.int64), sparse.indices.astype(np.int32)
        return cls(starts, classes, sparse.data[None])

    @property
    def ngrams(self) -> np.ndarray:
        """N-gram of each pair: int64 (n_pairs,)."""
        return _ngrams(self.starts)

    def in_one_fold(self) -> tuple[Self, np.ndarray]:
        """Return counts without folds, and the sums over the folds."""
        no_folds = np.empty((0, len(self.classes)))
        return self._replace(by_fold=no_folds), self.by_fold.sum(axis=0)

    def including(self, is_listed: np.ndarray) -> Self:
        """List more pairs, those of a table of bool (n_ngrams, n_classes)."""
        n_ngrams, n_classes = is_listed.shape
        if n_classes == 2:
            return self
        pairs = self.ngrams * n_classes + self.classes
        is_listed.ravel()[pairs] = True
        listed = np.flatnonzero(is_listed)
        by_fold = np.zeros((len(self.by_fold), len(listed)))
        by_fold[:, np.searchsorted(listed, pairs)] = self.by_fold
        starts = np.searchsorted(listed, np.arange(n_ngrams + 1) * n_classes)
        return self._replace(
            starts=starts, classes=(listed % n_classes).astype(np.int32), by_fold=by_fold
        )


class Ratios(NamedTuple):
    """Log-count ratios of n-grams, by column and fold; those that are not listed are 0."""

    starts: np.ndarray  # int64 (n_ngrams + 1,), first ratio of each n-gram
    columns: np.ndarray  # int32 (n_ratios,)
    values: np.ndarray  # float64 (n_folds, n_ratios)
    n_columns: int

    @property
    def ngrams(self) -> np.ndarray:
        """N-gram of each ratio: int64 (n_ratios,)."""
        return _ngrams(self.starts)

    def table(self) -> np.ndarray:
        """Return the ratios of the first fold as a table: float32 (n_ngrams, n_columns)."""
        table = np.zeros((len(self.starts) - 1, self.n_columns), dtype=np.float32)
        table[self.ngrams, self.columns] = self.values[0]
        return table

    @classmethod
    def of_table(cls, table: np.ndarray) -> Self:
        """List the ratios of a table (n_ngrams, n_columns), as those of a single fold."""
        n_ngrams, n_columns = table.shape
        if n_columns == 1:
            return cls(*_one_each(n_ngrams), table.T.astype(np.float64), 1)
        sparse = scipy.sparse.csr_array(table)
        values = sparse.data.astype(np.float64)[None]
        return cls(
            sparse.indptr.astype(np.int64), sparse.indices.astype(np.int32), values, n_columns
        )


def _ngrams(starts: np.ndarray) -> np.ndarray:
    return np.repeat(np.arange(len(starts) - 1), np.diff(starts))


def _all_pairs(n_ngrams: int) -> tuple[np.ndarray, np.ndarray]:
    return 2 * np.arange(n_ngrams + 1), np.tile(np.arange(2, dtype=np.int32), n_ngrams)


def _one_each(n_ngrams: int) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(n_ngrams + 1), np.zeros(n_ngrams, dtype=np.int32)


def renumbered(terms: Found, n_ngrams: int) -> tuple[np.ndarray, Found]:
    """Return the numbers of the n-grams that occur, and terms that index into these."""
    occurs = np.zeros(n_ngrams, dtype=bool)
    occurs[terms.features] = True
    places = np.cumsum(occurs, dtype=np.int32) - np.int32(1)
    present = np.flatnonzero(occurs).astype(np.int32)
    return present, terms._replace(features=places[terms.features])


def count_by_class(
    terms: Found,
    n_ngrams: int,
    labels: np.ndarray,
    folds: np.ndarray,
    weight: np.ndarray,
    n_classes: int,
) -> Counts:
    """Sum the weights of the rows of each n-gram, by class and fold."""
    import sentilib._ngrams._counting_kernels as kernels

    n_folds = int(folds.max()) + 1
    labels, folds = labels.astype(np.int32), folds.astype(np.int32)
    if n_classes == 2:
        by_fold = np.zeros((n_folds, 2 * n_ngrams))

        def count(fold: int) -> None:
            of_rows = terms.starts, terms.features, labels, folds, weight
            kernels.count(*of_rows, fold, 2, by_fold[fold])

        in_threads(count, range(n_folds), n_threads(len(labels)))
        return Counts(*_all_pairs(n_ngrams), by_fold)
    first = np.concatenate([[0], np.cumsum(np.bincount(terms.features, minlength=n_ngrams))])
    rows = np.empty(len(terms.features), dtype=np.int32)
    kernels.list_rows(terms.starts, terms.features, first[:-1].copy(), rows)
    n_distinct = np.empty(n_ngrams, dtype=np.int64)
    kernels.count_classes(first, rows, labels, n_classes, n_distinct)
    starts = np.concatenate([[0], np.cumsum(n_distinct)])
    classes = np.empty(starts[-1], dtype=np.int32)
    by_fold = np.zeros((n_folds, starts[-1]))
    kernels.count_pairs(first, rows, labels, folds, weight, n_classes, starts, classes, by_fold)
    return Counts(starts, classes, by_fold)


def log_count_ratios(
    counts: Counts, before: np.ndarray, total: np.ndarray, smoothing: float
) -> Ratios:
    """Compute the log-count ratios of n-grams in all rows but those of one fold, for each fold.

    Counts are smoothed in proportion to the classes' totals, so that the ratios of an n-gram
    without counts are 0.

    Parameters
    ----------
    counts : Counts
        Counts of some rows.
    before : ndarray of shape (n_pairs,), float64
        Counts of other rows, which are in no fold.
    total : ndarray of shape (n_classes,), float64
        Counts of each class in all rows, including n-grams that are not listed.
    smoothing : float
        Number added to a count, on average over the classes.

    Returns
    -------
    Ratios
        Of each fold; without folds, of all rows.
    """
    n_classes, n_folds = len(total), len(counts.by_fold)
    all_rows = before + counts.by_fold.sum(axis=0)
    n_ngrams = len(counts.starts) - 1
    n_ratios = n_ngrams if n_classes == 2 else len(all_rows)
    values = np.empty((max(n_folds, 1), n_ratios))

    def compute(fold: int) -> None:
        of_class = total
        if n_folds:
            in_fold = np.bincount(counts.classes, counts.by_fold[fold], minlength=n_classes)
            of_class = total - in_fold
        share = np.maximum(of_class, smoothing)
        added = n_classes * smoothing * share / share.sum()
        for start in range(0, len(all_rows), _PAIRS_AT_ONCE):
            pairs = slice(start, start + _PAIRS_AT_ONCE)
            here = all_rows[pairs]
            if n_folds:
                here = here - counts.by_fold[fold, pairs]
            if n_classes == 2:
                of_pairs = values[fold, pairs.start // 2 : pairs.stop // 2]
                np.log((here[1::2] + added[1]) / (here[::2] + added[0]), out=of_pairs)
                of_pairs -= np.log(added[1] / added[0])
            else:
                np.log1p(here / added[counts.classes[pairs]], out=values[fold, pairs])

    in_threads(compute, range(len(values)), n_threads(n_ratios))
    starts, columns = _one_each(n_ngrams) if n_classes == 2 else (counts.starts, counts.classes)
    return Ratios(starts, columns, values, 1 if n_classes == 2 else n_classes)


def weighted(
    bag: scipy.sparse.csr_array, folds: np.ndarray, ratios: Ratios
) -> scipy.sparse.csr_array:
    """Multiply each entry of a bag by the ratios of its n-gram in its row's fold.

    Parameters
    ----------
    bag : csr_array of shape (n_rows, n_ngrams), float32
        Counts of n-grams.
    folds : ndarray of shape (n_rows,), int
        Fold of each row.
    ratios : Ratios
        Ratios of each n-gram.

    Returns
    -------
    csr_array of shape (n_rows * n_columns, n_ngrams), float32
        The first row's evidence for each column, then the second's, ...
    """
    import sentilib._ngrams._counting_kernels as kernels

    n_rows, n_columns = len(folds), ratios.n_columns
    starts, features = bag.indptr.astype(np.int64), bag.indices.astype(np.int32, copy=False)
    slices = row_slices(n_rows)

    def in_slices(work: Callable[..., None]) -> None:
        in_threads(
            lambda rows: work(rows, starts[rows.start : rows.stop + 1], features, bag.data), slices
        )

    if n_columns == 1:
        data = np.empty_like(bag.data)
        in_slices(lambda rows, *entries: kernels.weigh(*entries, folds[rows], ratios.values, data))
        return scipy.sparse.csr_array((data, bag.indices, bag.indptr), shape=bag.shape)
    sizes = np.empty((n_rows, n_columns), dtype=np.int64)
    in_slices(
        lambda rows, *entries: kernels.count_entries(
            *entries[:2], ratios.starts, ratios.columns, sizes[rows]
        )
    )
    indptr = np.concatenate([[0], np.cumsum(sizes)])
    indices, data = np.empty(indptr[-1], dtype=np.int32), np.empty(indptr[-1], dtype=np.float32)
    places = indptr[:-1].reshape(n_rows, n_columns).copy()
    in_slices(
        lambda rows, *entries: kernels.weigh_by_class(
            *entries, folds[rows], *ratios[:3], places[rows], indices, data
        )
    )
    indptr = indptr.astype(np.int32 if indptr[-1] < 2**31 else np.int64)
    shape = n_rows * n_columns, bag.shape[1]
    return scipy.sparse.csr_array((data, indices, indptr), shape=shape)

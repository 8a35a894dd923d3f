"""A classifier whose words can be replaced by a baseline: the game that is explained."""

import copy
from typing import Any

import numpy as np
from scipy.special import softmax

from sentilib._ids import OOV, PAD


class BaselineModel:
    """What a fitted classifier says of reviews in which some words are replaced.

    The players of a row are its tokens, all ids but padding. Padding is no player.

    Parameters
    ----------
    classifier : DenseSentimentClassifier or ConvSentimentClassifier
        Fitted.
    baseline : {"oov", "pad", "mean"} or int
        What stands in the place of an absent word.
    word_weights : ndarray of shape (vocabulary_size,)
        Weight of each id in the mean word.
    output : {"margin", "probability"}
        What is explained.

    Attributes
    ----------
    classifier : estimator
        Copy, which for the mean word has one more row in its tables.
    baseline : int
        Id that stands in the place of absent words.
    deletes : bool
        Whether an absent word shortens the review, as masked padding does.
    n_outputs : int
        1 for two classes, else their number.
    """

    def __init__(self, classifier: Any, baseline: Any, word_weights: np.ndarray, output: str):
        self.classifier = copy.copy(classifier)
        self.weights = classifier._weights  # tells whether the classifier was fitted again
        self.output = output
        size, tables = classifier.vocabulary_size_, classifier._inference
        if baseline == "mean":
            self.baseline = size
            tables = self._with_mean_word(word_weights)
        else:
            named = {"oov": OOV, "pad": PAD}
            self.baseline = named[baseline] if isinstance(baseline, str) else int(baseline)
            if self.baseline >= size:
                raise ValueError(
                    f"baseline={baseline} is no word of the classifier, whose ids end with "
                    f"{size - 1}."
                )
        self.classifier._use_tables(tables, np.float64)
        # Else it is no word of the text, and forms no n-grams with those around it.
        self.baseline_is_word = not isinstance(baseline, str) and self.baseline > OOV
        self.masks_padding = bool(classifier.mask_padding)
        self.deletes = self.masks_padding and self.baseline == PAD
        self.n_outputs = 1 if len(classifier.classes_) == 2 else len(classifier.classes_)
        kernel = classifier._weights[-2].astype(np.float64)
        self.head = kernel[:, 1:] - kernel[:, :1] if self.n_outputs == 1 else kernel

    def _with_mean_word(self, word_weights: np.ndarray) -> tuple:
        """Append the mean of the words to the tables that the classifier looks words up in.

        For a Dense model these are word's contributions, so that a replaced word is a random one,
        independent of the others; for a CNN it is the mean embedding.
        """
        share = word_weights / word_weights.sum()
        n = self.classifier._n_word_tables
        tables, rest = self.classifier._inference[:n], self.classifier._inference[n:]
        self.classifier.vocabulary_size_ = len(word_weights) + 1
        return *(np.vstack([t, share @ t]) for t in tables), *rest

    @property
    def words(self) -> np.ndarray:
        """What the classifier looks each id up in: (n_ids, n_units)."""
        return self.classifier._inference[0]

    @property
    def ngrams(self) -> Any:
        """Dictionary of the classifier's n-grams, or None."""
        return ngrams_of(self.classifier)

    def ngram_evidence(self) -> np.ndarray:
        """Give what each n-gram adds to the outputs before the division: (n_ngrams, n_outputs)."""
        return self.classifier._inference[-1]

    def ngram_logits(self, evidence: np.ndarray) -> np.ndarray:
        """Logits that sums over n-grams amount to: (..., n_outputs) to (..., n_classes)."""
        return evidence * np.array([-0.5, 0.5]) if self.n_outputs == 1 else evidence

    def outputs(self, X: np.ndarray) -> np.ndarray:
        """Explained outputs of valid ids: (n_samples, n_outputs)."""
        return self.of_logits(self.classifier._logits(X))

    def of_logits(self, logits: np.ndarray) -> np.ndarray:
        """Explained outputs of logits: (..., n_classes) to (..., n_outputs)."""
        if self.output == "probability":
            proba = softmax(logits, axis=-1)
            return proba[..., 1:] if self.n_outputs == 1 else proba
        return logits[..., 1:] - logits[..., :1] if self.n_outputs == 1 else logits

    def base_values(self, X: np.ndarray) -> np.ndarray:
        """Give the outputs where all tokens are replaced: (n_samples, n_outputs).

        They depend only on where the tokens stand, so each pattern is computed once.
        """
        is_token = X != PAD
        n_tokens = is_token.sum(axis=1)
        start = is_token.argmax(axis=1)
        stop = X.shape[1] - is_token[:, ::-1].argmax(axis=1)
        pattern = start * (X.shape[1] + 1) + n_tokens
        has_gaps = (n_tokens > 0) & (stop - start > n_tokens)
        if has_gaps.any():
            packed = np.packbits(is_token[has_gaps], axis=1)
            whole_rows = packed.view([("", np.void, packed.shape[1])])[:, 0]
            pattern[has_gaps] = -1 - np.unique(whole_rows, return_inverse=True)[1]
        _, first, of_row = np.unique(pattern, return_index=True, return_inverse=True)
        rows = np.where(is_token[first], self.baseline, PAD).astype(np.int32)
        return self.outputs(rows)[of_row]


def ngrams_of(classifier: Any) -> Any:
    """Find the dictionary of a classifier's n-grams, or None."""
    return getattr(classifier, "_ngrams", None)

"""Read words that training never saw through pretrained word vectors.

    python examples/word_vectors.py
    python examples/word_vectors.py --vectors glove.6B.50d.txt

Without a file, the vectors are learnt from unlabelled reviews, by the counts of words that are near
each other (PPMI and a truncated SVD): they know which words are used alike, though not which are
good. Then 100 labels have to do.
"""

import argparse

import numpy as np
import scipy.sparse
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils.extmath import randomized_svd

from sentilib import DenseSentimentClassifier, HTMLTokenizer, WordVectors
from sentilib.datasets import make_reviews

N_LABELS = 100
WINDOW = 4  # words on either side that are near


def learnt_vectors(texts: list[str], n_dimensions: int = 32) -> WordVectors:
    """Learn vectors from texts without labels."""
    tokenizer = HTMLTokenizer(max_features=5000)
    ids = tokenizer.fit_transform(texts) - 2  # words from 0 on
    n_words = len(tokenizer.vocabulary_)
    counts = scipy.sparse.csr_array((n_words, n_words))
    for distance in range(1, WINDOW + 1):
        left, right = ids[:, :-distance].ravel(), ids[:, distance:].ravel()
        is_word = (left >= 0) & (right >= 0)
        pairs = left[is_word], right[is_word]
        found = scipy.sparse.csr_array((np.ones(len(pairs[0])), pairs), (n_words, n_words))
        counts = counts + found + found.T
    pairs = counts.tocoo()
    total, by_word = pairs.data.sum(), counts.sum(axis=0)
    pmi = np.log(pairs.data * total / (by_word[pairs.row] * by_word[pairs.col]))
    near = scipy.sparse.csr_array((np.maximum(pmi, 0), (pairs.row, pairs.col)), pairs.shape)
    left, sizes, _ = randomized_svd(near, min(n_dimensions, n_words - 1), random_state=0)
    return WordVectors(list(tokenizer.vocabulary_), left * np.sqrt(sizes))


def pipeline(vectors: WordVectors | None) -> Pipeline:
    """Return a pipeline that reads vectors: both steps get the same object."""
    return make_pipeline(
        HTMLTokenizer(max_length=200, vectors=vectors),
        DenseSentimentClassifier(random_state=0, vectors=vectors),
    )


def main(arguments: list[str] | None = None, n_generated: int = 4000) -> None:
    """Compare a model of few labels with and without vectors."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--vectors", help="text file of GloVe or word2vec")
    options = parser.parse_args(arguments)
    texts, labels = make_reviews(n_generated, length=40, random_state=0)
    train, test = slice(N_LABELS), slice(n_generated // 2, None)
    if options.vectors is None:
        vectors = learnt_vectors(texts[: n_generated // 2])
    else:
        vectors = WordVectors.of(options.vectors, max_words=30_000)
    print(f"{vectors!r}, {N_LABELS} labels")
    for name, known in (("without vectors", None), ("with vectors", vectors)):
        pipe = pipeline(known).fit(texts[train], labels[train])
        print(f"accuracy {name}: {pipe.score(texts[test], labels[test]):.3f}")
    seen = {word for text in texts[train] for word in pipe[0].tokenize(text)}
    new = [word for word in vectors.words if word not in seen]
    margins = pipe.decision_function(new)
    for sign, opinion in ((1, "positive"), (-1, "negative")):
        order = np.argsort(-sign * margins, kind="stable")[:8]
        print(f"most {opinion} words without a label: {', '.join(new[k] for k in order)}")


if __name__ == "__main__":
    main()

"""HTMLTokenizer: from raw documents, with or without HTML, to a matrix of token ids."""

from collections.abc import Collection, Iterable, Mapping
from numbers import Integral
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils import Tags

from sentilib._sklearn import (
    COUNT,
    N_JOBS,
    SHARE,
    CallbackSupportMixin,
    HasMethods,
    Interval,
    StrOptions,
    fit_context,
    fit_task,
)
from sentilib._text._learning import LearningMethods
from sentilib._text._word_vectors import WordVectors

if TYPE_CHECKING:
    from sentilib._text._readings import Readings


class HTMLTokenizer(CallbackSupportMixin, TransformerMixin, LearningMethods):
    """Convert a collection of raw, possibly HTML, documents to a matrix of token ids.

    The words are those that a browser shows: references such as ``&amp;`` are decoded; tags,
    attributes, comments, scripts, styles, templates, the title of a page, and the fallbacks of
    ``<noscript>``, ``<iframe>``, ``<video>``, ``<audio>``, ``<canvas>``, ``<progress>`` and
    ``<meter>`` are left out; blocks, ``<br>``, table cells, controls and pictures separate words,
    other elements do not (``<b>wo</b>rd`` is one word). What a page only hides for now is read
    like the rest: closed details and dialogs, and elements with the attribute ``hidden`` or hidden
    by a style.

    A token is a run of letters and digits of any script, with combining marks and, inside it,
    apostrophes, or quotes between Hebrew letters; a single Han, Hiragana or Katakana character, or
    Thai, Lao, Khmer or Burmese letter with its vowels; an emoji, whole with its skin tone, flag
    letters or joined parts; or, by default, a punctuation mark or symbol. Format characters such
    as the soft hyphen, the joiners within Persian and Indic words, and emoji variation selectors
    are ignored; typographic apostrophes, geresh and gershayim are equivalent to ``'`` and ``"``.

    Parameters
    ----------
    max_features : int or None, default=30_000
        Max number of words to learn, those with the highest term count over all documents. The
        max id is ``max_features + 1``. None learns all. Ignored if `vocabulary` is given.
    max_length : int, default=1024
        Max number of tokens kept of each document, and the width of the matrix. A run of more than
        eight punctuation marks, symbols and emoji becomes its first eight, so that lines of dashes
        or drawings neither displace nor outweigh the words.
    markup : {"lenient", "html5"} or None, default="lenient"
        What is read as markup:

        - "lenient" is for text that people typed or that was cut or damaged, and loses least of
          it. Only known elements, complete comments and declarations are markup. ``I </3 it``,
          ``<ten thousand``, ``<joe@example.com>`` and an attribute without value that is none of
          HTML's, as in ``<i think so>``, are text. A tag whose quotes are torn ends at the first
          ``>``; a comment, script or the like that never ends hides nothing. See Notes;
        - "html5" follows the HTML5 standard to the letter, as a browser does, for pages. A single
          ``</3`` hides what follows up to the next ``>``, an open comment the whole rest;
        - None takes documents as they are: ``<br>`` is text, and so is ``&amp;``.
    normalization : {"NFC", "NFKC"} or None, default="NFC"
        Unicode normalization of the visible text, to which offsets refer, and of words passed as
        parameters:

        - "NFC" makes one word of the spellings of a word that look the same, such as "é" and "e"
          with a combining accent, also in Korean and Vietnamese;
        - "NFKC" also replaces characters by those that they are a form of: full-width and
          half-width letters and marks, ligatures, mathematical letters, "²", "…" and "™";
        - None reads the text as it is.
    lowercase : bool, default=True
        Fold case, in every script, as Unicode defines it ("STRASSE" and "straße" become equal).
        No language has rules of its own: "I" becomes "i" and "İ" becomes "i" with a combining
        dot. For Turkish and Azerbaijani, pass ``text.replace("I", chr(0x131)).replace("İ", "i")``.
    strip_accents : {"ascii", "unicode"} or None, default=None
        Remove accents, by compatibility decomposition; "ascii" then removes non-ASCII characters.
        Both are for alphabets such as Latin and Greek: in the scripts of India, "unicode" removes
        signs that are no accents, as in `CountVectorizer`.
    punctuation : {"drop", "split", "token"}, default="token"
        Treatment of punctuation marks and symbols:

        - "drop" removes them: "don't" becomes "dont", "well-made" becomes "wellmade";
        - "split" separates words at them, but keeps apostrophes inside a word;
        - "token" splits, and makes each mark a token too: "great!" and "great?" differ.
    unspaced : {"split", "keep"}, default="split"
        Treatment of scripts that do not separate words: Han, Hiragana, Katakana, Thai, Lao, Khmer,
        Burmese, and others of Southeast Asia:

        - "split" makes a token of each character with its marks; in Thai and the following scripts
          also with its vowels and subscript letters. N-grams of a classifier represent the words;
        - "keep" reads runs of letters as words, as in other scripts. It is meant for documents in
          which a segmenter has written spaces, which may do better.
    stop_words : "english", collection of str or None, default=None
        Words to leave out, folded like documents. "english" is scikit-learn's list.
    negation_scope : int, default=0
        Max number of tokens after a negation, up to the next punctuation mark, symbol or emoji,
        that are words of their own with the suffix ``_NEG``: "not a good film" is read as "not",
        "a_NEG", "good_NEG", "film_NEG". A word with the suffix that is not in the vocabulary is
        read as the word without it. 0 marks no word. See Notes.
    negations : "english" or collection of str, default="english"
        Words with which a scope begins, folded like documents, each of them one token. "english"
        are cannot, hardly, neither, never, no, nobody, none, nor, not, nothing, nowhere, without
        and contractions such as "didn't", with or without apostrophe. Ignored if the scope is 0.
    min_df : int or float in [0.0, 1.0], default=1
        Min number (int) or proportion (float) of documents that contain a word of the vocabulary.
        Ignored if `vocabulary` is given.
    max_df : int or float in [0.0, 1.0], default=1.0
        Max number (int) or proportion (float) of documents that contain a word of the vocabulary.
        Ignored if `vocabulary` is given.
    vocabulary : mapping of str to int, collection of str or None, default=None
        Words of the vocabulary, instead of learning them; `transform` then needs no `fit`. The
        words of a collection get the ids 2, 3, ..., those of a `Counter` by descending count. A
        mapping contains exactly these ids, or 0, 1, ... as that of `CountVectorizer`: their order.
    vectors : WordVectors or None, default=None
        Vectors of the classifier. Their words get the first ids, before the learnt ones.
    padding : {"pre", "post"}, default="post"
        Side on which documents shorter than `max_length` are padded with 0.
    truncating : {"pre", "post", "middle"}, default="pre"
        Where longer documents lose tokens: "pre" keeps the last `max_length`, "post" the first,
        "middle" the first half of them and the last half.
    decode_error : {"strict", "replace"}, default="strict"
        Treatment of lone surrogates, such as half an emoji from JSON: "strict" raises ValueError,
        which names the document; "replace" reads U+FFFD instead, and a whole emoji from two
        surrogates in a row.
    warn : bool, default=False
        Whether `transform` and `fit_transform` warn of documents longer than `max_length`, and of
        documents that consist mostly of unknown words, about which a model can say nothing.
        `document_statistics` returns the figures of each document.
    n_jobs : int or None, default=None
        Number of threads. None means all cores, or one inside a parallel worker; -1 means all.
    verbose : int, default=0
        If not 0, a line is printed before documents are counted.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        Id of each word, from 2 on: by descending frequency, ties alphabetically; or as given.
    document_frequency_ : ndarray of shape (n_words + 2,), dtype=int64
        Number of documents seen in `fit` that contain the word of each id; 0 for the ids 0 and 1.
    n_documents_ : int
        Number of documents seen in `fit`.

    See Also
    --------
    sklearn.feature_extraction.text.CountVectorizer : Counts of words, without their order.

    Notes
    -----
    Id 0 is padding, id 1 (OOV) represents every word outside the vocabulary. The estimator keeps
    the counts of all words seen, not only of those in the vocabulary, so that `partial_fit` is
    exact; that is about 60 bytes per distinct word, and up to four times as much during `fit` and
    `partial_fit`.

    Most documents contain no markup but line breaks, emphasis and the like, and are read the same
    with ``markup="lenient"`` and ``"html5"``. Otherwise, the lenient reading also accepts ``< br
    />``; table cells separate words outside a table too, as do elements with a hyphen in their
    name, which are markup if the document contains their end tag; the content of a CDATA section
    is read; the title of an XML document is text, that of a page is not; references that are or
    begin a word need their semicolon (``good&not bad``). It builds no tree, so that text between a
    table's cells stays where it is written.

    Documents may be a column in Arrow's format (of pyarrow, polars, pandas' ``str``, Hugging Face's
    datasets): they are read from its buffers, without a Python string for each.

    Documents that were escaped once too often (``&amp;lt;br /&amp;gt;``, or ``&lt;br /&gt;`` at
    the end of each line) must be unescaped before: pass ``map(html.unescape, documents)``.

    Time and memory are proportional to the length of a document, whatever it contains: markup
    costs at most 5 microseconds and 250 bytes per character, and 5 MB. For that, "html5" reads
    some documents by the standard's tokenization without a tree: those with more than 512 "<",
    with hundreds of attributes in a tag, or with formatting that a tree would repeat again and
    again. There, blocks and their end tags always separate words, text between a table's cells
    stays where it is written, and a ``<template>`` or ``<video>`` without end hides nothing.

    The words in the scope of a negation are marked as by NLTK's ``mark_negation``, after [1]_, but
    any mark ends a scope. A negation within the scope of another one is marked and begins a new
    scope. Stop words count as tokens of a scope, begin one if they are among `negations`, and are
    left out with and without suffix.

    Two versions of Python may differ on characters that were added to Unicode in between.

    A segmenter in front of the tokenizer finds the words of a script that does not separate them.
    This one, of PyThaiNLP, reads text without markup::

        def segment(texts):
            return [" ".join(word_tokenize(text, keep_whitespace=False)) for text in texts]

        make_pipeline(FunctionTransformer(segment), HTMLTokenizer(unspaced="keep"), classifier)

    References
    ----------
    .. [1] Sanjiv Das and Mike Chen, Yahoo! for Amazon: Extracting Market Sentiment from Stock
       Message Boards, APFA 2001, marked the words between a negation and the end of the sentence.

    Examples
    --------
    >>> from sentilib import HTMLTokenizer
    >>> reviews = ["A <b>master</b>piece!", "Not a masterpiece.<br />Caf&eacute; scenes? I <3 it"]
    >>> tokenizer = HTMLTokenizer(max_length=8)
    >>> tokenizer.fit_transform(reviews)
    array([[ 2,  3,  4,  0,  0,  0,  0,  0],
           [ 5,  9, 13,  8, 10,  7,  6, 11]], dtype=int32)
    >>> tokenizer.inverse_transform([[3, 9, 1, 0]])
    [array(['masterpiece', 'café', '[OOV]'], dtype=object)]
    >>> tokenizer.tokenize("It's <i>un</i>believable &amp; fun!")
    ["it's", 'unbelievable', '&', 'fun', '!']
    >>> HTMLTokenizer(negation_scope=2).tokenize("Not very good, but not bad")
    ['not', 'very_NEG', 'good_NEG', ',', 'but', 'not', 'bad_NEG']
    """

    __module__ = "sentilib"  # saved files name the public path

    _parameter_constraints: dict = {
        "max_features": [COUNT, None],
        "max_length": [COUNT],
        "markup": [StrOptions({"lenient", "html5"}), None],
        "normalization": [StrOptions({"NFC", "NFKC"}), None],
        "lowercase": ["boolean"],
        "strip_accents": [StrOptions({"ascii", "unicode"}), None],
        "punctuation": [StrOptions({"drop", "split", "token"})],
        "unspaced": [StrOptions({"split", "keep"})],
        "stop_words": [StrOptions({"english"}), list, tuple, set, frozenset, None],
        "negation_scope": [Interval(Integral, 0, 2**31 - 1, closed="both")],
        "negations": [StrOptions({"english"}), list, tuple, set, frozenset],
        "min_df": [SHARE, COUNT],
        "max_df": [SHARE, COUNT],
        "vocabulary": [Mapping, HasMethods("__iter__"), None],
        "vectors": [WordVectors, None],
        "padding": [StrOptions({"pre", "post"})],
        "truncating": [StrOptions({"pre", "post", "middle"})],
        "decode_error": [StrOptions({"strict", "replace"})],
        "warn": ["boolean"],
        "n_jobs": [N_JOBS, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        max_features: int | None = 30_000,
        max_length: int = 1024,
        *,
        markup: str | None = "lenient",
        normalization: str | None = "NFC",
        lowercase: bool = True,
        strip_accents: str | None = None,
        punctuation: str = "token",
        unspaced: str = "split",
        stop_words: str | Collection[str] | None = None,
        negation_scope: int = 0,
        negations: str | Collection[str] = "english",
        min_df: int | float = 1,
        max_df: int | float = 1.0,
        vocabulary: Mapping[str, int] | Collection[str] | None = None,
        vectors: WordVectors | None = None,
        padding: str = "post",
        truncating: str = "pre",
        decode_error: str = "strict",
        warn: bool = False,
        n_jobs: int | None = None,
        verbose: int | bool = 0,
    ) -> None:
        self.max_features = max_features
        self.max_length = max_length
        self.markup = markup
        self.normalization = normalization
        self.lowercase = lowercase
        self.strip_accents = strip_accents
        self.punctuation = punctuation
        self.unspaced = unspaced
        self.stop_words = stop_words
        self.negation_scope = negation_scope
        self.negations = negations
        self.min_df = min_df
        self.max_df = max_df
        self.vocabulary = vocabulary
        self.vectors = vectors
        self.padding = padding
        self.truncating = truncating
        self.decode_error = decode_error
        self.warn = warn
        self.n_jobs = n_jobs
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, raw_documents: Iterable[str], y: Any = None) -> Self:
        """Learn the vocabulary.

        Parameters
        ----------
        raw_documents : iterable of str
            Documents. A generator is read in blocks and never kept in memory as a whole.
        y : None
            Ignored.

        Returns
        -------
        self : HTMLTokenizer
            Fitted estimator.
        """
        with fit_task(self, raw_documents):
            self._learn(*self._reader().count(raw_documents)[:2])
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, raw_documents: Iterable[str], y: Any = None) -> np.ndarray:
        """Learn the vocabulary and return the token ids; the text is read only once.

        Parameters
        ----------
        raw_documents : iterable of str
            Documents.
        y : None
            Ignored.

        Returns
        -------
        ids : ndarray of shape (n_samples, max_length), dtype=int32
            Token ids, 0 where a document has ended.
        """
        with fit_task(self, raw_documents):
            counts, n_documents, streams = self._reader().count(raw_documents, keep_streams=True)
            vocabulary = self._learn(counts, n_documents)
        return self._reader().rows(streams, vocabulary, counts, n_documents)

    def transform(self, raw_documents: "Iterable[str] | Readings") -> np.ndarray:
        """Return the documents' token ids.

        Parameters
        ----------
        raw_documents : iterable of str
            Documents.

        Returns
        -------
        ids : ndarray of shape (n_samples, max_length), dtype=int32
            Token ids, 0 where a document has ended.
        """
        self._check_vocabulary()
        return self._reader().encode(raw_documents, self._vocabulary)

    def __sklearn_is_fitted__(self) -> bool:
        return self.vocabulary is not None or hasattr(self, "_counts")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.requires_fit = self.vocabulary is None
        tags.transformer_tags.preserves_dtype = []
        return tags

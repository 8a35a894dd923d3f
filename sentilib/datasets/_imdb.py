"""The Large Movie Review Dataset v1.0 (IMDB): 50,000 labelled reviews in raw HTML.

Whatever the source (parquet, the official folder, the official archive), a split becomes one
`_Split`, its rows ordered by label, then by the release's id, so that indices mean the same
review everywhere. A new source needs a reader that returns a `_Split`, and a line in `_find`.
"""

import os
import re
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from numbers import Integral, Real
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import Bunch

from sentilib._sklearn import Interval, StrOptions, validate_params

from ._fetch import RemoteFile, atomic_write, fetch

ARCHIVE = RemoteFile(
    filename="aclImdb_v1.tar.gz",
    url="https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
    sha256="c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
)

_LABELS = ("neg", "pos")
_COLUMNS = ("label", "id", "rating", "movie", "text")
_REVIEW = re.compile(r"(\d+)_(\d+)\.txt")
_MEMBER = re.compile(r"(?:\./)?aclImdb/(train|test)/(?:(neg|pos)/(\d+)_(\d+)|urls_(neg|pos))\.txt")
_MOVIE = re.compile(rb"/title/(tt\d+)")

_DESCR = """\
Large Movie Review Dataset v1.0 (IMDB)
--------------------------------------

50,000 movie reviews, each labelled as negative (0) or positive (1): 25,000 in the train split and
25,000 in the test split, half of them negative. Texts are raw HTML as the site showed it, with
`<br />` and entities. Ratings run from 1 to 4 (negative) and from 7 to 10 (positive).

Rows are ordered by label: shuffle before taking a part. A movie has up to 30 reviews, and the two
splits are almost disjoint by movie, so a random part of train is easier than test: choose models
on folds by `movie` (for instance StratifiedGroupKFold).

Free to use with this citation:

Andrew L. Maas, Raymond E. Daly, Peter T. Pham, Dan Huang, Andrew Y. Ng, Christopher Potts.
Learning Word Vectors for Sentiment Analysis. ACL 2011, pp. 142-150.
http://www.aclweb.org/anthology/P11-1015
"""


class _Split(NamedTuple):
    label: np.ndarray
    id: np.ndarray
    rating: np.ndarray
    movie: np.ndarray
    text: list[str]


@validate_params(
    {
        "subset": [StrOptions({"train", "test", "all"})],
        "data_home": [str, os.PathLike, None],
        "download": ["boolean"],
        "as_frame": ["boolean"],
        "return_X_y": ["boolean"],
        "n_retries": [Interval(Integral, 0, None, closed="left")],
        "delay": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
    },
    prefer_skip_nested_validation=True,
)
def load_imdb(
    subset="train",
    *,
    data_home=None,
    download=True,
    as_frame=False,
    return_X_y=False,
    n_retries=3,
    delay=1.0,
    verbose=True,
):
    """Load the Large Movie Review Dataset (IMDB, classification of raw HTML reviews).

    The reviews are looked for in `data_home`, then in the folder named by the environment variable
    `SENTILIB_DATA`, then in the user's cache (`%LOCALAPPDATA%/sentilib` on Windows, elsewhere
    `$XDG_CACHE_HOME/sentilib` or `~/.cache/sentilib`). In each, the first of these is read:
    `train.parquet` and `test.parquet` (columns label, id, rating, movie, text), the official folder
    `aclImdb`, the official archive `aclImdb_v1.tar.gz`. Where none is found, the archive
    (84 MB) is downloaded.

    ==============   ====================
    Classes                             2
    Samples total                   50000
    Dimensionality                      1
    Features                     raw HTML
    ==============   ====================

    Parameters
    ----------
    subset : {'train', 'test', 'all'}, default='train'
        The official split to load; 'all' is train followed by test.

    data_home : str or path-like, default=None
        The folder to look into first, and to download to. If None, a download goes to the user's
        cache.

    download : bool, default=True
        Whether to download the archive if the reviews are not found. If False, a
        FileNotFoundError is raised instead.

    as_frame : bool, default=False
        If True, `data` and `target` are pandas Series and the Bunch has a `frame`. Needs pandas.

    return_X_y : bool, default=False
        If True, return `(data, target)` instead of a Bunch.

    n_retries : int, default=3
        Number of further attempts after a network error.

    delay : float, default=1.0
        Seconds between two attempts.

    verbose : bool or int, default=True
        Whether to show the progress of a download on stderr. Nothing else is ever printed.

    Returns
    -------
    dataset : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        data : list of str, or Series, of shape (n_samples,)
            The reviews. Rows are in the same order whatever they were read from: by split, by
            label, by the release's id.
        target : ndarray or Series of shape (n_samples,), dtype=int64
            0 for a negative review, 1 for a positive one.
        target_names : list of shape (2,)
            `['neg', 'pos']`.
        rating : ndarray of shape (n_samples,), dtype=int64
            The reviewer's stars: 1 to 4 for negative reviews, 7 to 10 for positive ones.
        movie : ndarray of shape (n_samples,), dtype=str
            IMDb title id of the movie under review, the `groups` of group-aware folds.
        ids : ndarray of shape (n_samples,), dtype=str
            The review's name in the release, such as `'train/neg/8000_4'`: split, label, id and
            rating. Unique.
        split : ndarray of shape (n_samples,), dtype=str
            'train' or 'test'.
        frame : DataFrame of shape (n_samples, 6)
            Columns text, target, rating, movie, id and split. Only with `as_frame=True`.
        DESCR : str
            The dataset's description and citation.

    (data, target) : tuple if `return_X_y=True`
        The first two of these attributes.

    See Also
    --------
    make_reviews : Generated reviews, for machines without data.

    Examples
    --------
    >>> from sentilib.datasets import load_imdb
    >>> reviews = load_imdb("train")  # doctest: +SKIP
    >>> len(reviews.data), reviews.target_names  # doctest: +SKIP
    (25000, ['neg', 'pos'])
    >>> reviews.ids[:2].tolist(), reviews.movie[:2].tolist()  # doctest: +SKIP
    (['train/neg/0_3', 'train/neg/1_1'], ['tt0064354', 'tt0100680'])
    """
    pandas = _import_pandas() if as_frame else None
    names = ["train", "test"] if subset == "all" else [subset]
    folders = _folders(data_home)
    splits = []
    for name in names:
        split = _find(name, folders.values())
        if split is None:
            split = _read_archive(
                _download(name, folders, data_home, download, n_retries, delay, bool(verbose)), name
            )
        splits.append(split)

    data = [text for split in splits for text in split.text]
    target, number, rating, movie = (
        np.concatenate([getattr(split, column) for split in splits])
        for column in ("label", "id", "rating", "movie")
    )
    split_name = np.repeat(names, [len(split.text) for split in splits])
    keys = zip(split_name, target.tolist(), number.tolist(), rating.tolist(), strict=True)
    ids = np.array([f"{name}/{_LABELS[label]}/{i}_{stars}" for name, label, i, stars in keys])
    frame = {}
    if pandas is not None:
        columns = {"text": data, "target": target, "rating": rating, "movie": movie}
        frame = {"frame": pandas.DataFrame(columns | {"id": ids, "split": split_name})}
        data, target = frame["frame"]["text"], frame["frame"]["target"]
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        target_names=list(_LABELS),
        rating=rating,
        movie=movie,
        ids=ids,
        split=split_name,
        DESCR=_DESCR,
        **frame,
    )


def _import_pandas() -> Any:
    try:
        import pandas
    except ImportError as error:
        raise ImportError("as_frame=True needs pandas: pip install pandas.") from error
    return pandas


def _folders(data_home: str | os.PathLike | None) -> dict[str, Path]:
    """Return the folders to look into, first to last, under the names that messages use."""
    folders = {}
    if data_home is not None:
        folders["data_home"] = Path(data_home).expanduser()
    if os.environ.get("SENTILIB_DATA"):
        folders["SENTILIB_DATA"] = Path(os.environ["SENTILIB_DATA"]).expanduser()
    base = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME")
    folders["user cache"] = (Path(base) if base else Path.home() / ".cache") / "sentilib"
    return folders


def _find(name: str, folders: Iterable[Path]) -> _Split | None:
    for folder in folders:
        if (folder / f"{name}.parquet").is_file():
            return _read_parquet(folder / f"{name}.parquet")
        for release in (folder / "aclImdb", folder):
            if any((release / name / label).is_dir() for label in _LABELS):
                return _read_folder(release / name)
        if (folder / ARCHIVE.filename).is_file():
            return _read_archive(folder / ARCHIVE.filename, name)
    return None


def _download(
    name: str,
    folders: dict[str, Path],
    data_home: str | os.PathLike | None,
    download: bool,
    n_retries: int,
    delay: float,
    verbose: bool,
) -> Path:
    target = folders["user cache" if data_home is None else "data_home"]
    tried = f"No {name} split of the IMDB reviews was found: no {name}.parquet, no folder aclImdb "
    tried += f"and no {ARCHIVE.filename} in "
    tried += ", ".join(
        f"{where} ({folder}{'' if folder.is_dir() else ', which is not a folder'})"
        for where, folder in folders.items()
    )
    if not download:
        raise FileNotFoundError(
            f"{tried}. Pass download=True, or set data_home or the environment variable "
            "SENTILIB_DATA to the folder that holds them."
        )
    try:
        return fetch(ARCHIVE, target, n_retries=n_retries, delay=delay, verbose=verbose)
    except OSError as error:
        raise OSError(
            f"{error} {tried}. Put {ARCHIVE.filename} from {ARCHIVE.url} into one of these folders "
            "by hand, or use sentilib.datasets.make_reviews for generated reviews."
        ) from error


def _read_parquet(path: Path) -> _Split:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(f"Reading {path} needs pyarrow: pip install pyarrow.") from error
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            missing = [column for column in _COLUMNS if column not in file.schema_arrow.names]
            table = None if missing else file.read(list(_COLUMNS))
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(
            f"{path} cannot be read as parquet ({error}). Delete it or copy it again."
        ) from error
    if table is None:
        raise ValueError(f"{path} lacks the column(s) {missing}; expected {list(_COLUMNS)}.")
    for column in _COLUMNS:
        if table[column].null_count:
            raise ValueError(f"{path} holds {table[column].null_count} null(s) in '{column}'.")
    try:
        numbers = {c: np.asarray(table[c], dtype=np.int64) for c in ("label", "id", "rating")}
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: label, id and rating must be integers ({error}).") from error
    if not np.isin(numbers["label"], (0, 1)).all():
        raise ValueError(f"{path}: labels must be 0 (negative) or 1 (positive).")
    order = np.lexsort((numbers["id"], numbers["label"]))
    text, movie = table["text"].to_pylist(), table["movie"].to_pylist()
    del table
    pyarrow.default_memory_pool().release_unused()  # 100 MB, which it would keep for itself
    return _Split(
        **{column: values[order] for column, values in numbers.items()},
        movie=np.array(movie, dtype=str)[order],
        text=[text[i] for i in order.tolist()],
    )


def _read_folder(folder: Path) -> _Split:
    reviews, urls = {}, {}
    for label, label_name in enumerate(_LABELS):
        listing = folder / f"urls_{label_name}.txt"
        if listing.is_file():
            urls[label] = listing.read_bytes()
        if (folder / label_name).is_dir():
            for entry in os.scandir(folder / label_name):
                if match := _REVIEW.fullmatch(entry.name):
                    with open(entry.path, "rb") as stream:
                        reviews[label, int(match[1]), int(match[2])] = stream.read()
    return _assemble(folder, reviews, urls)


def _read_archive(path: Path, name: str) -> _Split:
    """Read a split from the archive, or from the copy of both splits that this leaves beside it.

    Parsing takes seconds (100,000 members, compressed), the copy a fraction of one.
    """
    status = path.stat()
    source = np.array([status.st_size, status.st_mtime_ns])
    copy = path.with_name("aclImdb_v1.cache.npz")
    split = _read_copy(copy, name, source)
    if split is not None:
        return split
    splits = _parse_archive(path)
    arrays: dict[str, Any] = {"source": source}
    for key, part in splits.items():
        encoded = [text.encode() for text in part.text]
        arrays[f"{key}_bytes"] = np.frombuffer(b"".join(encoded), dtype=np.uint8)
        arrays[f"{key}_lengths"] = np.array([len(text) for text in encoded])
        arrays |= {f"{key}_{c}": getattr(part, c) for c in ("label", "id", "rating", "movie")}
    try:
        with atomic_write(copy) as stream:
            np.savez_compressed(stream, **arrays)
    except OSError:
        pass  # a folder that cannot be written to costs time, nothing else
    return splits[name]


def _read_copy(path: Path, name: str, source: np.ndarray) -> _Split | None:
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            if not np.array_equal(arrays["source"], source):
                return None
            buffer = arrays[f"{name}_bytes"].tobytes()
            ends = np.cumsum(arrays[f"{name}_lengths"]).tolist()
            columns = {c: arrays[f"{name}_{c}"] for c in ("label", "id", "rating", "movie")}
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error):
        return None  # absent or damaged: the archive itself is still there
    text = [buffer[start:end].decode() for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    return _Split(text=text, **columns)


def _parse_archive(path: Path) -> dict[str, _Split]:
    # Members are read, never extracted, and their names only matched: a hostile path does nothing.
    reviews: dict[str, dict] = {"train": {}, "test": {}}
    urls: dict[str, dict] = {"train": {}, "test": {}}
    try:
        with tarfile.open(path, "r|gz") as archive:
            while (member := archive.next()) is not None:
                # Else 100,000 headers stay in memory.
                archive.members = []  # type: ignore[attr-defined]
                match = _MEMBER.fullmatch(member.name)
                if match is None or not member.isreg():
                    continue
                name, label, number, stars, listing = match.groups()
                content = archive.extractfile(member).read()  # type: ignore[union-attr]
                if listing:
                    urls[name][_LABELS.index(listing)] = content
                else:
                    reviews[name][_LABELS.index(label), int(number), int(stars)] = content
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise ValueError(
            f"{path} cannot be read as a tar archive ({type(error).__name__}: {error}). If it is "
            "damaged, delete it, so that it is downloaded again."
        ) from error
    return {
        name: _assemble(Path(f"{path}/aclImdb/{name}"), reviews[name], urls[name])
        for name in reviews
    }


def _assemble(
    where: Path, reviews: dict[tuple[int, int, int], bytes], urls: dict[int, bytes]
) -> _Split:
    """Turn `(label, id, rating) -> content` and each label's list of URLs into a split."""
    keys = sorted(reviews)
    movies = []
    for label, label_name in enumerate(_LABELS):
        if label not in urls:
            raise ValueError(f"{where} lacks urls_{label_name}.txt, which names the movies.")
        lines = urls[label].splitlines()
        # Line i of the list belongs to the review with id i, so the list also says what is missing.
        found = [number for key, number, _ in keys if key == label]
        if found != list(range(len(lines))):
            raise ValueError(
                f"{where}/{label_name} holds {len(found)} reviews where urls_{label_name}.txt "
                f"lists {len(lines)}, one per id: the copy is incomplete. Extract or download the "
                "release again."
            )
        for line in lines:
            match = _MOVIE.search(line)
            if match is None:
                raise ValueError(f"{where}/urls_{label_name}.txt: no movie in {line!r}.")
            movies.append(match[1].decode())
    text = []
    for label, number, rating in keys:
        try:
            text.append(reviews[label, number, rating].decode())
        except UnicodeDecodeError as error:
            review = f"{where}/{_LABELS[label]}/{number}_{rating}.txt"
            raise ValueError(f"{review} is not UTF-8 ({error}).") from error
    label_column, id_column, rating_column = np.array(keys, dtype=np.int64).reshape(-1, 3).T
    return _Split(label_column, id_column, rating_column, np.array(movies, dtype=str), text)

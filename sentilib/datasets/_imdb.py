"""The Large Movie Review Dataset v1.0 (IMDB): 50,000 labelled reviews in raw HTML.

Whatever the source (parquet, the official folder, the official archive), its reader returns the
rows in the same order, so that an index means the same review everywhere. A new source needs a
reader in `_imdb_readers.py` and a line in `_find`.
"""

import contextlib
import os
import sys
from collections.abc import Iterable
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from sentilib._optional import import_optional
from sentilib._sklearn import Interval, StrOptions, validate_params
from sentilib.datasets._fetch import RemoteFile, fetch
from sentilib.datasets._imdb_readers import (
    LABELS,
    Split,
    read_archive,
    read_folder,
    read_parquet,
)

ARCHIVE = RemoteFile(
    filename="aclImdb_v1.tar.gz",
    url="https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
    size=84_125_825,
    sha256="c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
)

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
    subset: str = "train",
    *,
    data_home: str | os.PathLike | None = None,
    download: bool = True,
    as_frame: bool = False,
    return_X_y: bool = False,
    n_retries: int = 3,
    delay: float = 1.0,
    verbose: bool = True,
) -> Bunch | tuple[Any, Any]:
    """Load the Large Movie Review Dataset (IMDB, classification of raw HTML reviews).

    The function looks into `data_home`, then into the folder named by the environment variable
    `SENTILIB_DATA`, then into the user's cache (`%LOCALAPPDATA%/sentilib` on Windows, elsewhere
    `$XDG_CACHE_HOME/sentilib` or `~/.cache/sentilib`). In each folder it reads the first of:
    `train.parquet` and `test.parquet` (columns label, id, rating, movie, text; needs pyarrow), the
    official folder `aclImdb`, the official archive `aclImdb_v1.tar.gz`. If it finds none of them,
    it downloads the archive (84 MB).

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
        The folder to look into first, and to download to. If None, the archive is downloaded to
        the user's cache.

    download : bool, default=True
        Whether to download the archive if the reviews are not found. If False, a
        FileNotFoundError is raised instead.

    as_frame : bool, default=False
        If True, `data` and `target` are pandas Series and the Bunch has a `frame`. Needs pandas.

    return_X_y : bool, default=False
        If True, return `(data, target)` instead of a Bunch.

    n_retries : int, default=3
        Number of further attempts after a network error. An answer that another attempt would
        not change (a missing page, a file that is not the release) is not asked for again.

    delay : float, default=1.0
        Seconds between two attempts.

    verbose : bool or int, default=True
        Whether to show the progress of a download on stderr. Nothing else is printed.

    Returns
    -------
    dataset : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        data : list of str, or Series, of shape (n_samples,)
            The reviews, ordered by split, by label, then by the release's id, whatever they were
            read from.
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

    Raises
    ------
    FileNotFoundError
        If the reviews are not found and `download=False`.
    OSError
        If the download fails, or yields another file than the known release.
    ValueError
        If a file that was found is damaged or incomplete, or a parameter is invalid. Damage is
        found by the checksums of the archive, and of a parquet file that has some
        (``write_page_checksum`` of pyarrow); in the official folder there are none.
    ImportError
        If `as_frame=True` and pandas is missing, or a parquet file is found and pyarrow is missing.

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
    pandas = import_optional("pandas", "as_frame=True", "parquet") if as_frame else None
    names = ["train", "test"] if subset == "all" else [subset]
    folders = _folders(data_home)
    splits = []
    for name in names:
        split = _find(name, folders.values())
        if split is None:
            split = read_archive(
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
    ids = np.array([f"{name}/{LABELS[label]}/{i}_{stars}" for name, label, i, stars in keys])
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
        target_names=list(LABELS),
        rating=rating,
        movie=movie,
        ids=ids,
        split=split_name,
        DESCR=_DESCR,
        **frame,
    )


def _folders(data_home: str | os.PathLike | None) -> dict[str, Path]:
    """Return the folders to look into, in order, by the names that messages use for them."""
    folders = {}
    if data_home is not None:
        folders["data_home"] = Path(data_home).expanduser()
    if os.environ.get("SENTILIB_DATA"):
        folders["SENTILIB_DATA"] = Path(os.environ["SENTILIB_DATA"]).expanduser()
    base = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME")
    with contextlib.suppress(RuntimeError):  # a user without a home directory, as in containers
        folders["user cache"] = (Path(base) if base else Path.home() / ".cache") / "sentilib"
    return folders


def _find(name: str, folders: Iterable[Path]) -> Split | None:
    for folder in folders:
        if (folder / f"{name}.parquet").is_file():
            return read_parquet(folder / f"{name}.parquet")
        for release in (folder / "aclImdb", folder):
            if any((release / name / label).is_dir() for label in LABELS):
                return read_folder(release / name)
        if (folder / ARCHIVE.filename).is_file():
            return read_archive(folder / ARCHIVE.filename, name)
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
    target = folders.get("user cache" if data_home is None else "data_home")
    tried = f"No {name} split of the IMDB reviews was found: no {name}.parquet, no folder aclImdb "
    tried += f"and no {ARCHIVE.filename} in "
    tried += ", ".join(
        f"{where} ({folder}{'' if folder.is_dir() else ', which is not a folder'})"
        for where, folder in folders.items()
    )
    if target is None:
        raise FileNotFoundError(
            f"{tried or 'no folder'}. This user has no home directory for the user "
            "cache: set data_home to the folder that contains the reviews or will."
        )
    if not download:
        raise FileNotFoundError(
            f"{tried}. Pass download=True, or set data_home or the environment variable "
            "SENTILIB_DATA to the folder that contains them."
        )
    try:
        return fetch(ARCHIVE, target, n_retries=n_retries, delay=delay, verbose=verbose)
    except OSError as error:
        raise OSError(
            f"{error} {tried}. Put {ARCHIVE.filename} from {ARCHIVE.url} into one of these folders "
            "by hand, or use sentilib.datasets.make_reviews for generated reviews."
        ) from error

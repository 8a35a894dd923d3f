"""Readers of the IMDB release: parquet, the official folder, the official archive.

Each returns a `Split`, its rows ordered by label, then by the release's id.
"""

import gzip
import io
import os
import re
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sentilib._files import atomic_write
from sentilib._optional import import_optional

LABELS = ("neg", "pos")
_COPY_VERSION = 2  # of the copy beside the archive; the first one may be of a damaged archive
_COLUMNS = ("label", "id", "rating", "movie", "text")
_REVIEW = re.compile(r"(\d+)_(\d+)\.txt")
_MEMBER = re.compile(r"(?:\./)?aclImdb/(train|test)/(?:(neg|pos)/(\d+)_(\d+)|urls_(neg|pos))\.txt")
_MOVIE = re.compile(rb"/title/(tt\d+)")


class Split(NamedTuple):
    label: np.ndarray
    id: np.ndarray
    rating: np.ndarray
    movie: np.ndarray
    text: list[str]


def read_parquet(path: Path) -> Split:
    pyarrow = import_optional("pyarrow", f"Reading {path}", "parquet")
    parquet = import_optional("pyarrow.parquet", f"Reading {path}", "parquet")
    try:
        with parquet.ParquetFile(path, page_checksum_verification=True) as file:
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
            raise ValueError(f"{path} contains {table[column].null_count} null(s) in '{column}'.")
    numbers = {c: np.asarray(table[c]) for c in ("label", "id", "rating")}
    for column, values in numbers.items():
        is_wrong = np.full(len(values), values.dtype.kind not in "iubf")
        if values.dtype.kind == "f":
            is_wrong = (values != np.rint(values)) | (np.abs(values) >= 2**53)
        if is_wrong.any():
            raise ValueError(
                f"{path}: label, id and rating must be integers, but '{column}' is of type "
                f"{table.schema.field(column).type} and contains {values[is_wrong][0]!s:.60}."
            )
        numbers[column] = values.astype(np.int64)
    if not np.isin(numbers["label"], (0, 1)).all():
        raise ValueError(f"{path}: labels must be 0 (negative) or 1 (positive).")
    order = np.lexsort((numbers["id"], numbers["label"]))
    text, movie = table["text"].to_pylist(), table["movie"].to_pylist()
    for column, found in (("text", text), ("movie", movie)):
        if not all(isinstance(value, str) for value in found):
            raise ValueError(
                f"{path}: '{column}' must contain strings, but is of type "
                f"{table.schema.field(column).type}. Decode bytes as UTF-8."
            )
    del table
    pyarrow.default_memory_pool().release_unused()  # 100 MB, which it would keep
    return Split(
        **{column: values[order] for column, values in numbers.items()},
        movie=np.array(movie, dtype=str)[order],
        text=[text[i] for i in order.tolist()],
    )


def read_folder(folder: Path) -> Split:
    reviews, urls = {}, {}
    for label, label_name in enumerate(LABELS):
        listing = folder / f"urls_{label_name}.txt"
        if listing.is_file():
            urls[label] = listing.read_bytes()
        if (folder / label_name).is_dir():
            for entry in os.scandir(folder / label_name):
                if match := _REVIEW.fullmatch(entry.name):
                    with open(entry.path, "rb") as stream:
                        reviews[label, int(match[1]), int(match[2])] = stream.read()
    return _assemble(folder, reviews, urls)


def read_archive(path: Path, name: str) -> Split:
    """Read a split from the archive, or from the copy of both splits written beside it.

    The archive (100,000 compressed members) takes seconds to parse, the copy a fraction of one.
    """
    status = path.stat()
    source = np.array([_COPY_VERSION, status.st_size, status.st_mtime_ns])
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
        pass  # where the folder cannot be written to, the next call parses the archive again
    return splits[name]


def _read_copy(path: Path, name: str, source: np.ndarray) -> Split | None:
    try:
        with zipfile.ZipFile(path) as copy:
            if not np.array_equal(_array_in(copy, "source"), source):
                return None
            buffer = _array_in(copy, f"{name}_bytes").tobytes()
            ends = np.cumsum(_array_in(copy, f"{name}_lengths")).tolist()
            columns = {
                c: _array_in(copy, f"{name}_{c}") for c in ("label", "id", "rating", "movie")
            }
    except Exception:
        return None  # absent or damaged in any way: the archive is read instead
    text = [buffer[start:end].decode() for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    return Split(text=text, **columns)


def _array_in(copy: zipfile.ZipFile, name: str) -> np.ndarray:
    """Read an array; `ZipFile.read` checks the CRC of all its bytes."""
    return np.lib.format.read_array(io.BytesIO(copy.read(f"{name}.npy")), allow_pickle=False)


def _parse_archive(path: Path) -> dict[str, Split]:
    # Members are read, never extracted, and their names only matched, so that a hostile path is
    # harmless.
    reviews: dict[str, dict] = {"train": {}, "test": {}}
    urls: dict[str, dict] = {"train": {}, "test": {}}
    try:
        with gzip.open(path) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            while (member := archive.next()) is not None:
                # Otherwise 100,000 headers stay in memory.
                archive.members = []  # type: ignore[attr-defined]
                match = _MEMBER.fullmatch(member.name)
                if match is None or not member.isreg():
                    continue
                name, label, number, stars, listing = match.groups()
                content = archive.extractfile(member).read()  # type: ignore[union-attr]
                if listing:
                    urls[name][LABELS.index(listing)] = content
                else:
                    reviews[name][LABELS.index(label), int(number), int(stars)] = content
            while stream.read(1 << 20):  # gzip checks the CRC at the end
                pass
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
) -> Split:
    """Turn `(label, id, rating) -> content` and each label's list of URLs into a split."""
    keys = sorted(reviews)
    movies = []
    for label, label_name in enumerate(LABELS):
        if label not in urls:
            raise ValueError(f"{where} lacks urls_{label_name}.txt, which names the movies.")
        lines = urls[label].splitlines()
        # Line i of the list belongs to the review with id i, so the list also says what is missing.
        found = [number for key, number, _ in keys if key == label]
        if found != list(range(len(lines))):
            raise ValueError(
                f"{where}/{label_name} contains {len(found)} reviews where urls_{label_name}.txt "
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
            review = f"{where}/{LABELS[label]}/{number}_{rating}.txt"
            raise ValueError(f"{review} is not UTF-8 ({error}).") from error
    label_column, id_column, rating_column = np.array(keys, dtype=np.int64).reshape(-1, 3).T
    return Split(label_column, id_column, rating_column, np.array(movies, dtype=str), text)

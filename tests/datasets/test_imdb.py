import hashlib
import io
import os
import subprocess
import sys
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import requests

from sentilib.datasets import _fetch, _imdb, _imdb_readers, load_imdb

REAL_DATA = os.environ.get("SENTILIB_DATA")

# (split, label, id, rating, movie, text), in the order in which every source must give them.
ROWS = [
    ("train", 0, 0, 3, "tt0064354", "Dull.<br /><br />Café &amp; \u0085 more."),
    ("train", 0, 1, 1, "tt0100680", "It isn't <b>good</b>"),
    ("train", 0, 2, 4, "tt0100680", "a < b, \U0001f600"),
    ("train", 1, 0, 9, "tt0000007", "A masterpiece!"),
    ("train", 1, 1, 10, "tt0000007", " Lovely.\r\nTwice. "),
    ("test", 0, 0, 2, "tt1234567", "Bad"),
    ("test", 1, 0, 7, "tt0406816", "Good"),
    ("test", 1, 1, 8, "tt0406816", ""),
]
LABELS = ("neg", "pos")


def release_files(rows=ROWS):
    """The official release's labelled files: path inside it -> content."""
    files = {}
    for split, label, number, rating, movie, text in rows:
        name = LABELS[label]
        files[f"aclImdb/{split}/{name}/{number}_{rating}.txt"] = text.encode()
        listing = f"aclImdb/{split}/urls_{name}.txt"
        url = f"http://www.imdb.com/title/{movie}/usercomments\n".encode()
        files[listing] = files.get(listing, b"") + url
    files["aclImdb/train/unsup/0_0.txt"] = b"unlabelled"
    files["aclImdb/train/urls_unsup.txt"] = b"http://www.imdb.com/title/tt0000001/usercomments\n"
    files["aclImdb/README"] = b"about"
    return files


def write_folder(home, rows=ROWS):
    for name, content in release_files(rows).items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return home


def archive_bytes(rows=ROWS):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        # Backwards, so that the order cannot come from the archive.
        for name, content in reversed(release_files(rows).items()):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def write_archive(home, rows=ROWS):
    (home / "aclImdb_v1.tar.gz").write_bytes(archive_bytes(rows))
    return home


def write_parquet(home, rows=ROWS, drop=()):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    names = ("split", "label", "id", "rating", "movie", "text")
    for split in ("train", "test"):
        part = [row for row in reversed(rows) if row[0] == split]
        table = pyarrow.table({name: [row[i] for row in part] for i, name in enumerate(names)})
        parquet.write_table(table.drop_columns(list(drop)), home / f"{split}.parquet")
    return home


SOURCES = {"parquet": write_parquet, "folder": write_folder, "archive": write_archive}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Keep the user's own data and cache out of the tests; the tests' cache is returned."""
    monkeypatch.delenv("SENTILIB_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "user"))
    return tmp_path / "user" / "sentilib"


@pytest.fixture
def home(tmp_path):
    path = tmp_path / "home"
    path.mkdir()
    return path


class Server(ThreadingHTTPServer):
    """Answers the i-th request with the i-th behaviour, and then on with the last one."""

    daemon_threads = True

    def __init__(self, body, *behaviours):
        super().__init__(("127.0.0.1", 0), Handler)
        self.body = body
        self.behaviours = list(behaviours) or ["whole"]
        self.n_requests = 0
        self.barrier = None
        self.lock = threading.Lock()

    def handle_error(self, request, client_address):
        pass


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        with server.lock:
            behaviour = server.behaviours[min(server.n_requests, len(server.behaviours) - 1)]
            server.n_requests += 1
        if server.barrier is not None:
            server.barrier.wait(timeout=60)
        if isinstance(behaviour, int):
            self.send_error(behaviour)
            return
        if behaviour == "hang up":
            self.connection.close()
            return
        self.send_response(200)
        if behaviour != "no length":
            self.send_header("Content-Length", str(len(server.body)))
        self.end_headers()
        half = len(server.body) // 2
        self.wfile.write(server.body[:half] if behaviour == "truncated" else server.body)

    def log_message(self, *args):
        pass


@pytest.fixture
def serve(monkeypatch):
    """Start a server in place of the official one; `sha256` is that of the right archive."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with contextmanager(_servers)() as servers:

        def start(*behaviours, body=None, path=_imdb.ARCHIVE.filename):
            right = archive_bytes()
            server = Server(right if body is None else body, *behaviours)
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
            servers.append(server)
            remote = _imdb.ARCHIVE._replace(
                url=f"http://127.0.0.1:{server.server_port}/{path}",
                size=len(right),
                sha256=hashlib.sha256(right).hexdigest(),
            )
            monkeypatch.setattr(_imdb, "ARCHIVE", remote)
            return server

        yield start


def _servers():
    servers = []
    try:
        yield servers
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


def assert_is_train(bunch):
    rows = [row for row in ROWS if row[0] == "train"]
    assert bunch.data == [row[5] for row in rows]
    assert bunch.target.tolist() == [row[1] for row in rows]
    assert bunch.rating.tolist() == [row[3] for row in rows]
    assert bunch.movie.tolist() == [row[4] for row in rows]
    assert bunch.ids.tolist() == [f"train/{LABELS[row[1]]}/{row[2]}_{row[3]}" for row in rows]


def leftovers(folder):
    return sorted(path.name for path in folder.glob("*")) if folder.exists() else []


# ---------------------------------------------------------------------------------------------
# Sources


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_gives_the_same_rows_in_the_same_order(source, home):
    SOURCES[source](home)
    for _ in range(2):  # the second time the archive is read from the copy beside it
        bunch = load_imdb("train", data_home=home, download=False)
        assert_is_train(bunch)
    assert bunch.target_names == ["neg", "pos"]
    assert bunch.target.dtype == bunch.rating.dtype == np.int64
    assert {bunch.movie.dtype.kind, bunch.ids.dtype.kind, bunch.split.dtype.kind} == {"U"}
    assert "Maas" in bunch.DESCR
    assert "frame" not in bunch
    both = load_imdb("all", data_home=str(home), download=False)
    assert both.data == [row[5] for row in ROWS]
    assert both.split.tolist() == [row[0] for row in ROWS]
    assert len(set(both.ids.tolist())) == len(ROWS)


def test_data_home_goes_before_the_environment_and_that_before_the_cache(
    tmp_path, home, cache, monkeypatch
):
    def rows_saying(word):
        return [(*row[:5], word) for row in ROWS]

    cache.mkdir(parents=True)
    write_folder(cache, rows_saying("cache"))
    assert load_imdb("test").data == ["cache"] * 3
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    write_folder(elsewhere, rows_saying("environment"))
    monkeypatch.setenv("SENTILIB_DATA", str(elsewhere))
    assert load_imdb("test").data == ["environment"] * 3
    assert load_imdb("test", data_home=home).data == ["environment"] * 3
    write_folder(home, rows_saying("home"))
    assert load_imdb("test", data_home=home).data == ["home"] * 3


def test_data_home_may_be_the_official_folder_itself(home):
    write_folder(home)
    assert_is_train(load_imdb(data_home=home / "aclImdb", download=False))


def test_return_X_y_gives_texts_and_labels(home):
    X, y = load_imdb("test", data_home=write_folder(home), return_X_y=True)
    assert X == ["Bad", "Good", ""]
    assert y.tolist() == [0, 1, 1]


def test_as_frame_gives_series_and_a_frame(home):
    pandas = pytest.importorskip("pandas")
    bunch = load_imdb("all", data_home=write_folder(home), as_frame=True)
    assert bunch.frame.columns.tolist() == ["text", "target", "rating", "movie", "id", "split"]
    assert len(bunch.frame) == len(ROWS)
    X, y = load_imdb("all", data_home=home, as_frame=True, return_X_y=True)
    pandas.testing.assert_series_equal(X, bunch.frame["text"])
    pandas.testing.assert_series_equal(y, bunch.target)


def test_a_damaged_or_outdated_copy_of_the_archive_is_made_anew(home):
    write_archive(home)
    load_imdb(data_home=home)
    copy = home / "aclImdb_v1.cache.npz"
    whole = copy.read_bytes()
    for damaged in (b"", b"PK\x03\x04", whole[: len(whole) // 2], whole[:200] + whole[220:]):
        copy.write_bytes(damaged)
        assert_is_train(load_imdb(data_home=home))
        assert copy.read_bytes() != damaged
    write_archive(home, [(*row[:5], "new") for row in ROWS])
    assert load_imdb(data_home=home).data == ["new"] * 5


def test_an_archive_in_a_folder_without_write_access_is_read_all_the_same(home, monkeypatch):
    write_archive(home)

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(_imdb_readers, "atomic_write", refuse)
    assert_is_train(load_imdb(data_home=home))
    assert leftovers(home) == ["aclImdb_v1.tar.gz"]


def test_hostile_members_of_an_archive_are_neither_written_nor_read(home, tmp_path):
    with tarfile.open(home / "aclImdb_v1.tar.gz", "w:gz") as archive:
        for name, content in release_files().items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for name in ("../evil.txt", str(tmp_path / "evil.txt"), "aclImdb/train/neg/../3_1.txt"):
            member = tarfile.TarInfo(name)
            member.size = 4
            archive.addfile(member, io.BytesIO(b"evil"))
        link = tarfile.TarInfo("aclImdb/train/neg/3_1.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    assert_is_train(load_imdb(data_home=home))
    assert not list(tmp_path.rglob("*evil*"))


# ---------------------------------------------------------------------------------------------
# What can be wrong with them


def test_an_unknown_subset_is_an_error(home):
    with pytest.raises(ValueError, match="'subset' parameter of load_imdb must be a str among"):
        load_imdb("validation", data_home=home)


def test_nothing_found_says_where_it_looked_and_what_to_do(home, monkeypatch, tmp_path):
    monkeypatch.setenv("SENTILIB_DATA", str(tmp_path / "absent"))
    with pytest.raises(FileNotFoundError) as caught:
        load_imdb("test", data_home=home, download=False)
    message = str(caught.value)
    assert "No test split" in message and "download=True" in message
    assert f"data_home ({home})" in message
    assert f"SENTILIB_DATA ({tmp_path / 'absent'}, which is not a folder)" in message
    assert "user cache (" in message


def test_parquet_without_pyarrow_says_how_to_install_it(home, monkeypatch):
    (home / "train.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"needs pyarrow: pip install 'sentilib\[parquet\]'"):
        load_imdb(data_home=home)


def test_as_frame_without_pandas_says_how_to_install_it(home, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(
        ImportError, match=r"as_frame=True needs pandas: pip install 'sentilib\[parquet\]'"
    ):
        load_imdb(data_home=write_folder(home), as_frame=True)


def test_corrupt_parquet_is_named(home):
    write_parquet(home)
    path = home / "train.parquet"
    for content in (b"", b"no parquet at all", path.read_bytes()[:-20]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"train\.parquet cannot be read as parquet .* Delete"):
            load_imdb(data_home=home)


def test_missing_parquet_columns_are_named(home):
    write_parquet(home, drop=["movie", "rating"])
    with pytest.raises(ValueError, match=r"lacks the column\(s\) \['rating', 'movie'\]"):
        load_imdb(data_home=home)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (5, None, r"1 null\(s\) in 'text'"),
        (1, 2, "labels must be 0"),
        (3, "many", "must be integers"),
        (1, 0.7, r"must be integers, but 'label' is of type double and contains 0\.7"),
        (1, 1.2, "must be integers, but 'label'"),
        (2, float("inf"), "must be integers, but 'id'"),
        (3, float("nan"), "must be integers, but 'rating'"),
        (5, b"bytes", "'text' must contain strings, but is of type binary"),
        (5, 3, "'text' must contain strings, but is of type int64"),
        (4, b"tt0000007", "'movie' must contain strings"),
    ],
)
def test_wrong_values_in_parquet_are_named(column, value, message, home):
    rows = [list(row) for row in ROWS]
    if isinstance(value, str | bytes) or (column, value) == (5, 3):
        for row in rows:
            row[column] = value
    elif isinstance(value, float):
        for row in rows:
            row[column] = float(row[column])
        rows[0][column] = value
    else:
        rows[0][column] = value
    write_parquet(home, rows)
    with pytest.raises(ValueError, match=message):
        load_imdb(data_home=home)


def test_an_incomplete_folder_is_an_error(home):
    write_folder(home)
    train = home / "aclImdb" / "train"
    (train / "neg" / "2_4.txt").unlink()
    with pytest.raises(ValueError, match=r"neg contains 2 reviews where urls_neg\.txt lists 3"):
        load_imdb(data_home=home)
    (train / "urls_neg.txt").unlink()
    with pytest.raises(ValueError, match=r"lacks urls_neg\.txt"):
        load_imdb(data_home=home)


def test_a_folder_without_positive_reviews_is_an_error(home):
    write_folder(home)
    for path in (home / "aclImdb" / "train" / "pos").iterdir():
        path.unlink()
    (home / "aclImdb" / "train" / "pos").rmdir()
    with pytest.raises(ValueError, match="pos contains 0 reviews"):
        load_imdb(data_home=home)


def test_a_url_without_movie_and_text_that_is_not_utf8_are_named(home):
    write_folder(home)
    review = home / "aclImdb" / "train" / "neg" / "1_1.txt"
    review.write_bytes(b"\xe9t\xe9")
    with pytest.raises(ValueError, match=r"1_1\.txt is not UTF-8"):
        load_imdb(data_home=home)
    (home / "aclImdb" / "train" / "urls_pos.txt").write_bytes(b"http://a\nhttp://b\n")
    with pytest.raises(ValueError, match="no movie in b'http://a'"):
        load_imdb(data_home=home)


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b"html", lambda b: b[: len(b) // 2]])
def test_a_damaged_archive_is_named_and_leaves_no_copy(damage, home):
    (home / "aclImdb_v1.tar.gz").write_bytes(damage(archive_bytes()))
    with pytest.raises(ValueError, match=r"aclImdb_v1\.tar\.gz"):
        load_imdb(data_home=home)
    assert leftovers(home) == ["aclImdb_v1.tar.gz"]


def one_bit_flipped(content, bit):
    content = bytearray(content)
    content[bit // 8] ^= 1 << bit % 8
    return bytes(content)


def test_no_bit_flip_in_an_archive_or_its_copy_changes_a_review(home):
    whole = archive_bytes()
    rng = np.random.default_rng(0)
    for bit in rng.choice(8 * len(whole), 60, replace=False):
        (home / "aclImdb_v1.tar.gz").write_bytes(one_bit_flipped(whole, bit))
        try:
            read = load_imdb(data_home=home)
        except ValueError:
            assert leftovers(home) == ["aclImdb_v1.tar.gz"]
        else:  # a flip in the header, as of the name of the file
            assert_is_train(read)
            (home / "aclImdb_v1.cache.npz").unlink()
    (home / "aclImdb_v1.tar.gz").write_bytes(whole)
    assert_is_train(load_imdb(data_home=home))
    copy = home / "aclImdb_v1.cache.npz"
    whole = copy.read_bytes()
    for bit in rng.choice(8 * len(whole), 60, replace=False):
        copy.write_bytes(one_bit_flipped(whole, bit))
        assert_is_train(load_imdb(data_home=home))


def test_a_copy_by_a_version_that_checked_no_archive_is_made_anew(home):
    write_archive(home)
    status = (home / "aclImdb_v1.tar.gz").stat()
    load_imdb(data_home=home)
    copy = home / "aclImdb_v1.cache.npz"
    with np.load(copy) as arrays:
        old = {**arrays, "source": np.array([status.st_size, status.st_mtime_ns])}
    old["train_bytes"] = np.full_like(old["train_bytes"], ord("x"))
    np.savez_compressed(copy, **old)
    assert_is_train(load_imdb(data_home=home))


def test_checksums_of_a_parquet_file_are_compared(home):
    parquet = pytest.importorskip("pyarrow.parquet")
    write_parquet(home)
    path = home / "train.parquet"
    parquet.write_table(
        parquet.read_table(path), path, write_page_checksum=True, compression="none",
        use_dictionary=False,
    )  # fmt: skip
    assert_is_train(load_imdb(data_home=home))
    path.write_bytes(path.read_bytes().replace(b"masterpiece", b"masterpiecf"))
    with pytest.raises(ValueError, match=r"train\.parquet cannot be read as parquet"):
        load_imdb(data_home=home)


def test_without_a_home_directory_data_home_is_enough(home, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("LOCALAPPDATA")

    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(_imdb.Path, "home", no_home)
    with pytest.raises(FileNotFoundError, match=r"no home directory .* set data_home"):
        load_imdb()
    assert_is_train(load_imdb(data_home=write_folder(home)))


# ---------------------------------------------------------------------------------------------
# Download


def test_a_download_goes_to_the_cache_once(serve, cache, capsys):
    server = serve()
    for _ in range(2):
        assert_is_train(load_imdb())
    assert server.n_requests == 1
    assert leftovers(cache) == ["aclImdb_v1.cache.npz", "aclImdb_v1.tar.gz"]
    captured = capsys.readouterr()
    assert "Downloading aclImdb_v1.tar.gz" in captured.err
    assert captured.out == ""


def test_a_download_goes_to_data_home_if_given(serve, cache, tmp_path, capsys):
    serve()
    assert_is_train(load_imdb(data_home=tmp_path / "new" / "home", verbose=False))
    assert "aclImdb_v1.tar.gz" in leftovers(tmp_path / "new" / "home")
    assert leftovers(cache) == []
    assert capsys.readouterr().err == ""


def test_a_download_of_unannounced_size_is_accepted(serve):
    serve("no length")
    assert_is_train(load_imdb())


def test_wrong_content_is_refused_at_once_and_not_kept(serve, cache):
    server = serve(body=b"<html>Please log in</html>")
    with pytest.raises(OSError, match="not the known release") as caught:
        load_imdb(n_retries=3, delay=0)
    assert server.n_requests == 1
    assert leftovers(cache) == []
    assert "by hand" in str(caught.value) and server.body.decode() not in str(caught.value)


def test_a_download_stops_at_the_size_of_the_release(serve, cache, monkeypatch):
    monkeypatch.setattr(_fetch, "_CHUNK_BYTES", 64)
    server = serve(body=bytes(1 << 22))
    sizes = []
    write = _fetch._Bounded.write

    def observed(self, chunk):
        write(self, chunk)
        sizes.append(len(chunk))

    monkeypatch.setattr(_fetch._Bounded, "write", observed)
    with pytest.raises(OSError, match=r"sends more than the .* not the known release"):
        load_imdb(n_retries=3, delay=0, verbose=False)
    assert 0 < sum(sizes) <= _imdb.ARCHIVE.size < 10_000
    assert server.n_requests == 1
    assert leftovers(cache) == []


def test_what_a_killed_download_leaves_is_removed_by_the_next_one(serve, cache):
    serve()
    abandoned = cache / f".aclImdb_v1.tar.gz.{32 * '0'}.part"
    cache.mkdir(parents=True)
    abandoned.write_bytes(b"half")
    (cache / ".aclImdb_v1.tar.gz.notes.part").touch()  # not ours
    load_imdb(verbose=False)
    assert leftovers(cache) == [
        ".aclImdb_v1.tar.gz.notes.part",
        "aclImdb_v1.cache.npz",
        "aclImdb_v1.tar.gz",
    ]


@pytest.mark.parametrize("failure", ["truncated", "hang up", 503])
def test_network_errors_are_tried_again(failure, serve, cache, capsys):
    server = serve(failure, failure, "whole")
    assert_is_train(load_imdb(n_retries=2, delay=0))
    assert server.n_requests == 3
    assert "trying again" in capsys.readouterr().err


def test_attempts_are_as_far_apart_as_asked(serve, monkeypatch):
    waits = []
    monkeypatch.setattr(_fetch.time, "sleep", waits.append)
    serve(503, 503, "whole")
    load_imdb(n_retries=5, delay=0.25, verbose=False)
    assert waits == [0.25, 0.25]


@pytest.mark.parametrize("failure", ["truncated", "hang up", 503])
def test_lasting_network_errors_say_what_was_tried_and_keep_nothing(failure, serve, cache):
    server = serve(failure)
    with pytest.raises(OSError, match=r"in 2 attempt\(s\)") as caught:
        load_imdb(n_retries=1, delay=0, verbose=False)
    assert server.n_requests == 2
    assert leftovers(cache) == []
    assert "user cache" in str(caught.value) and "make_reviews" in str(caught.value)


def test_a_missing_page_is_not_tried_again(serve, cache):
    server = serve(404)
    with pytest.raises(OSError, match="HTTP status 404"):
        load_imdb(n_retries=3, delay=0)
    assert server.n_requests == 1
    assert leftovers(cache) == []


def test_a_refused_connection_is_a_clear_error(serve, cache):
    server = serve()
    server.shutdown()
    server.server_close()
    with pytest.raises(OSError, match="Could not download http"):
        load_imdb(n_retries=1, delay=0, verbose=False)


def test_an_interrupted_download_leaves_nothing(serve, cache, monkeypatch):
    serve()

    def interrupt(response, chunk_size):
        with response:
            yield response.raw.read(10)
            assert len(list(cache.glob(".aclImdb_v1.tar.gz.*.part"))) == 1
            raise KeyboardInterrupt

    monkeypatch.setattr(requests.Response, "iter_content", interrupt)
    with pytest.raises(KeyboardInterrupt):
        load_imdb(verbose=False)
    assert leftovers(cache) == []


def test_threads_that_download_at_once_all_succeed(serve, cache):
    server = serve()
    server.barrier = threading.Barrier(3)
    with ThreadPoolExecutor(3) as pool:
        for bunch in pool.map(lambda _: load_imdb(verbose=False), range(3)):
            assert_is_train(bunch)
    assert server.n_requests == 3
    assert leftovers(cache) == ["aclImdb_v1.cache.npz", "aclImdb_v1.tar.gz"]


@pytest.mark.slow
def test_processes_that_download_at_once_all_succeed(serve, cache):
    server = serve()
    server.barrier = threading.Barrier(2)
    script = (
        "from sentilib.datasets import _imdb\n"
        f"_imdb.ARCHIVE = _imdb.ARCHIVE._replace(url={_imdb.ARCHIVE.url!r},"
        f" sha256={_imdb.ARCHIVE.sha256!r})\n"
        "print(len(_imdb.load_imdb(verbose=False).data))\n"
    )
    root = Path(_imdb.__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    processes = [
        subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    assert [process.communicate(timeout=120)[0].strip() for process in processes] == [b"5", b"5"]
    assert leftovers(cache) == ["aclImdb_v1.cache.npz", "aclImdb_v1.tar.gz"]


# ---------------------------------------------------------------------------------------------
# The real thing


@pytest.mark.skipif(not REAL_DATA, reason="SENTILIB_DATA does not name the IMDB reviews")
def test_the_real_reviews_are_as_described(monkeypatch):
    monkeypatch.setenv("SENTILIB_DATA", REAL_DATA)
    reviews = load_imdb("all", download=False)
    assert len(reviews.data) == 50_000
    assert np.bincount(reviews.target).tolist() == [25_000, 25_000]
    assert ((reviews.rating > 5) == reviews.target).all()
    assert sorted(set(reviews.rating.tolist())) == [1, 2, 3, 4, 7, 8, 9, 10]
    train = reviews.split == "train"
    assert len(set(reviews.movie[train].tolist())) == 3_456
    assert len(set(reviews.movie[train]) & set(reviews.movie[~train])) == 1
    assert len(set(reviews.ids.tolist())) == 50_000
    host = reviews.data[reviews.ids.tolist().index("train/neg/8000_4")]
    assert "masterpiece because of their sympathy" in host

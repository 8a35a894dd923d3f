"""The example's server over loopback: its answers, its limits, and how it starts and ends."""

import http.client
import importlib.util
import json
import os
import re
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import sentilib

skops_io = pytest.importorskip("skops.io")
pytest.importorskip("fastapi")
pytestmark = [pytest.mark.examples, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "tests" / "saved" / "conv-1.skops"
PYTHON = os.environ.get("SENTILIB_SERVING")  # interpreter of an installation for serving
COMMAND = [PYTHON or sys.executable, str(ROOT / "examples" / "serve.py")]
ENVIRONMENT = {**os.environ, "PYTHONPATH": "" if PYTHON else str(ROOT)}
OPTIONS = ["--max-characters", "1000", "--max-reviews", "20", "--max-request-bytes", "15000"]


@contextmanager
def running(*options):
    """Run the server on a free port; end it if the test has not."""
    command = [*COMMAND, str(MODEL), "--port", "0", *OPTIONS, *options]
    with subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as process:
        stop = threading.Timer(100, process.kill)
        stop.start()
        try:
            for line in process.stderr:
                if found := re.search(r"running on http://127\.0\.0\.1:(\d+)", line):
                    process.port = int(found[1])
                    break
            assert hasattr(process, "port")
            yield process
        finally:
            stop.cancel()
            process.kill()


@pytest.fixture(scope="module")
def server():
    with running() as process:
        yield process
        assert process.poll() is None  # nothing that was sent has ended it


@pytest.fixture(scope="module")
def pipe():
    return skops_io.load(MODEL, trusted=sentilib.TRUSTED_TYPES)


def connect(process):
    return closing(http.client.HTTPConnection("127.0.0.1", process.port, timeout=60))


def ask(process, path, body=None):
    """Return the status and the decoded answer of a request on a connection of its own."""
    with connect(process) as connection:
        return ask_again(connection, path, body)


def ask_again(connection, path, body=None):
    if isinstance(body, list):
        body = json.dumps({"reviews": body})
    connection.request(
        "GET" if body is None else "POST", path, body, {"Content-Type": "application/json"}
    )
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def test_a_hundred_clients_at_once_get_the_answers_of_the_pipeline(server, pipe):
    words = "A superb film <b>not</b> good &ndash; dull, badly written ça va".split()
    rng = np.random.default_rng(0)
    reviews = [" ".join(rng.choice(words, 12)) for _ in range(300)]
    probabilities, labels = pipe.predict_proba(reviews), pipe.predict(reviews)
    explained = sentilib.TokenShapExplainer(pipe).explain(reviews)
    ready = threading.Barrier(100, timeout=60)

    def client(number):
        rows = range(number, 300, 100)
        mine = [reviews[row] for row in rows]
        with connect(server) as connection:
            connection.connect()
            ready.wait()
            predicted = ask_again(connection, "/predict", mine)
            return rows, predicted, ask_again(connection, "/explain", mine)

    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(client, range(100)))
    for rows, (status, predicted), (status_explained, explanation) in answers:
        assert status == status_explained == 200
        assert predicted["classes"] == explanation["outputs"] == pipe.classes_.tolist()
        for row, found in zip(rows, predicted["predictions"], strict=True):
            assert found["label"] == labels[row]
            np.testing.assert_allclose(found["probabilities"], probabilities[row], rtol=1e-9)
        for row, found in zip(rows, explanation["explanations"], strict=True):
            assert [word["text"] for word in found["words"]] == explained.data[row]
            values = [word["values"] for word in found["words"]]
            np.testing.assert_allclose(values, explained.values[row], rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(found["base_values"], explained.base_values[row])


BODIES = {
    "no review": ([], 422, r"The list of reviews is empty: send at least one\."),
    "too many reviews": (["a"] * 21, 413, r"21 reviews are more than 20: send less\."),
    "a long review": (["b", "a" * 1001], 413, r"Review 1 has 1,001 characters, more than 1,000"),
    "half a pair": (["a\ud800"], 422, "Review 0 contains half a surrogate pair"),
    "a number": (["a", 5], 422, r"body\.reviews\.1: Input should be a valid string"),
    "a string": ('{"reviews": "film"}', 422, r"body\.reviews: Input should be a valid list"),
    "another key": ('{"reviews": ["a"], "n": 1}', 422, r"body\.n: Extra inputs are not permitted"),
    "no object": ('["a"]', 422, "body: Input should be .* object"),
    "broken JSON": ('{"reviews": ["a"', 422, "JSON decode error"),
    "nothing": ("", 422, "body: Field required"),
    "Latin-1": (b'{"reviews": ["caf\xe9"]}', 400, "error parsing the body"),
    "depth": ('{"reviews": ' + "[" * 14_000, 4, "JSON decode error|error parsing the body"),
    "a huge number": ('{"reviews": ' + "9" * 14_000 + "}", 4, "error parsing|valid list"),
    "too many bytes": ("[" * 20_000, 413, r"more than 15,000 bytes: send less at once\."),
}


@pytest.mark.parametrize("kind", BODIES)
def test_a_request_that_is_not_answered_gets_a_sentence(kind, server):
    body, expected, sentence = BODIES[kind]
    status, answer = ask(server, "/predict", body)
    assert status in (400, 422) if expected == 4 else status == expected
    assert re.search(sentence, answer["detail"]), answer
    assert ask(server, "/predict", ["A superb film"])[0] == 200


def test_markup_and_deep_nesting_within_the_limits_are_answered(server, pipe):
    reviews = ["<div>" * 199 + "x", "<script>alert(1)</script>", "{{7*7}} __import__('os')", ""]
    status, answer = ask(server, "/predict", reviews)
    assert status == 200
    np.testing.assert_allclose(
        [found["probabilities"] for found in answer["predictions"]],
        pipe.predict_proba(reviews), rtol=1e-9,
    )  # fmt: skip
    assert ask(server, "/explain", [""])[1]["explanations"][0]["words"] == []


def test_the_health_check_names_the_classes_and_other_addresses_are_unknown(server, pipe):
    health = {"status": "ready", "classes": pipe.classes_.tolist()}
    assert ask(server, "/health") == (200, health)
    assert ask(server, "/predict")[0] == 405
    assert ask(server, "/../serve.py")[0] == 404


HEAD = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"


def start_request(process, n_bytes):
    """Send the head of a request, and wait until the server asks for its body."""
    connection = socket.create_connection(("127.0.0.1", process.port), timeout=60)
    connection.sendall(HEAD + b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % n_bytes)
    assert connection.recv(1000).startswith(b"HTTP/1.1 100")
    return connection


def rest(connection):
    """Return what the server sends until it closes the connection."""
    with connection:
        return b"".join(iter(lambda: connection.recv(1000), b"")).decode()


@pytest.mark.parametrize("head", [b"Content-Length: 1000000000", b"Transfer-Encoding: chunked"])
def test_a_huge_request_is_refused_before_it_is_read(head, server):
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    connection.sendall(HEAD + head + b"\r\n\r\n")
    if b"chunked" in head:
        connection.sendall(b"3e80\r\n" + b"[" * 16_000 + b"\r\n")  # more would follow
    answer = rest(connection)
    assert answer.startswith("HTTP/1.1 413") and "more than 15,000 bytes" in answer


def test_slow_clients_are_sent_away_and_delay_nobody(pipe):
    with running("--max-seconds", "2") as process:
        slow = [start_request(process, 1000) for _ in range(50)]
        for connection in slow:
            connection.sendall(b"{")
        expected = pipe.predict_proba(["A superb film"])[0]
        _, answer = ask(process, "/predict", ["A superb film"])
        np.testing.assert_allclose(answer["predictions"][0]["probabilities"], expected)
        for connection in slow:
            answer = rest(connection)
            assert answer.startswith("HTTP/1.1 408")
            assert "did not arrive within 2 seconds" in answer


def test_more_bytes_than_may_wait_are_refused_until_some_are_answered():
    with running("--max-waiting-bytes", "3000") as process:
        body = json.dumps({"reviews": ["a" * 900] * 3}).encode()
        with start_request(process, len(body)) as first:
            first.sendall(body[:-1])
            status = 200
            while status == 200:  # until the server has read that
                status, answer = ask(process, "/predict", ["a" * 900])
            assert status == 503 and "busy" in answer["detail"]
            first.sendall(body[-1:])
            assert first.recv(1000).startswith(b"HTTP/1.1 200")
            assert ask(process, "/predict", ["a" * 900])[0] == 200


def test_a_request_that_has_begun_is_answered_before_the_server_ends():
    with running() as process:
        body = json.dumps({"reviews": ["A superb film"]}).encode()
        connection = start_request(process, len(body))
        process.terminate()
        for line in process.stderr:
            if "Waiting for connections to close" in line:
                break
        with pytest.raises(ConnectionRefusedError), connect(process) as other:
            other.connect()
        connection.sendall(body)
        assert rest(connection).startswith("HTTP/1.1 200")
        assert process.wait(timeout=60) in (0, -15)
        assert "Application shutdown complete" in process.stderr.read()


def test_a_model_that_cannot_be_served_is_named_in_one_line(tmp_path):
    spec = importlib.util.spec_from_file_location("serve", ROOT / "examples" / "serve.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "text.skops").write_text("no model")
    skops_io.dump(make_pipeline(FunctionTransformer(os.getcwd)), tmp_path / "foreign.skops")
    skops_io.dump(FunctionTransformer(), tmp_path / "other.skops")
    for name, reason in [
        ("absent", "FileNotFoundError: .*"),
        ("text", "BadZipFile: .*"),
        ("foreign", "UntrustedTypesFoundException: .*getcwd.*"),
        ("other", "TypeError: estimator must be .*, got FunctionTransformer.*"),
    ]:
        path = tmp_path / f"{name}.skops"
        with pytest.raises(SystemExit) as stopped:
            module.main([str(path)])
        assert re.fullmatch(f"{path} cannot be served: {reason}", stopped.value.code)

"""Installed size, cold start, throughput and latency of examples/serve.py.

    python benchmarks/serving.py pipe.skops --python .venv-serving/bin/python --data imdb
    python benchmarks/serving.py pipe.skops --data imdb --hostile

The server runs in an interpreter of its own, such as one without Keras; the clients are threads of
this process, which send one request after the other on a connection that stays open. `--hostile`
measures only what they wait for, while other clients send batches of the costliest shape of
`limits.py`, as large as the server accepts.
"""

import argparse
import itertools
import json
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from limits import SHAPES

from sentilib.datasets import load_imdb, make_reviews

SERVER = Path(__file__).parents[1] / "examples" / "serve.py"


@contextmanager
def running(python: str, model: Path, *options: str) -> Iterator[tuple[subprocess.Popen, int]]:
    """Run the server on a free port; it has answered before."""
    command = [python, str(SERVER), str(model), "--port", "0", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stderr:
                if found := re.search(r"running on http://[\d.]+:(\d+)", line):
                    yield process, int(found[1])
                    return
            raise RuntimeError("the server ended")
        finally:
            process.terminate()


def request(path: str, reviews: list[str]) -> bytes:
    """Return a request as it is sent."""
    body = json.dumps({"reviews": reviews}).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def exchange(connection: socket.socket, message: bytes) -> int:
    """Send a request, read the whole answer and return its status."""
    connection.sendall(message)
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(1 << 16)
    head, _, body = received.partition(b"\r\n\r\n")
    missing = int(re.search(rb"content-length: (\d+)", head)[1]) - len(body)
    while missing > 0:
        missing -= len(connection.recv(1 << 16))
    return int(head.split()[1])


def load(port: int, messages: list[bytes], n_clients: int, seconds: float) -> tuple:
    """Return the seconds to each answer, how often which status came, and the time of all."""
    latencies: list[float] = []
    statuses: Counter = Counter()
    end = time.perf_counter() + seconds

    def client(number: int) -> None:
        mine = itertools.cycle(messages[number::n_clients])
        while time.perf_counter() < end:
            with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                status = 200
                while status == 200 and (start := time.perf_counter()) < end:
                    status = exchange(connection, next(mine))  # a refusal ends the connection
                    statuses[status] += 1
                    if status == 200:
                        latencies.append(time.perf_counter() - start)
                    else:
                        time.sleep(0.1)

    threads = [threading.Thread(target=client, args=(n,)) for n in range(n_clients)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return latencies, statuses, time.perf_counter() - start


def under_attack(port: int, messages: list[bytes], n_clients: int, seconds: float) -> None:
    """Print what ordinary clients wait for beside none, one and four that send hostile batches."""
    batch = request("/predict", [SHAPES["nested pictures"](49_000)] * 10)
    for n_hostile in (0, 1, 4):
        attack = threading.Thread(target=load, args=(port, [batch] * 4, n_hostile, seconds + 1))
        attack.start()
        time.sleep(0.5)
        latencies, statuses, taken = load(port, messages, n_clients, seconds)
        attack.join()
        latencies.sort()
        shown = [latencies[int(len(latencies) * q)] * 1e3 for q in (0.5, 0.99)]
        print(
            f"{n_hostile} hostile clients: {statuses[200] / taken:,.0f} answers/s, "
            f"{shown[0]:.1f} ms median, {shown[1]:.0f} ms 99th percentile, "
            f"{latencies[-1] * 1e3:.0f} ms longest, "
            f"{100 * (1 - statuses[200] / statuses.total()):.1f} % refused"
        )


def cold_start(python: str, model: Path, message: bytes) -> float:
    """Return the seconds from the start of a process to its first answer."""
    start = time.perf_counter()
    with (
        running(python, model) as (_, port),
        socket.create_connection(("127.0.0.1", port), timeout=60) as connection,
    ):
        assert exchange(connection, message) == 200
        return time.perf_counter() - start


def sizes(python: str) -> dict[str, float]:
    """Return the megabytes of each installed distribution, without what only installs others."""
    program = (
        "import json, os; from importlib.metadata import distributions\n"
        "print(json.dumps({d.name: sum(os.path.getsize(f.locate()) for f in d.files or () if "
        "os.path.exists(f.locate())) / 1e6 for d in distributions()}))"
    )
    found = json.loads(subprocess.check_output([python, "-c", program], timeout=120))
    return {k: v for k, v in found.items() if k not in ("pip", "setuptools")}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path, help="pipeline in a file of skops")
    parser.add_argument("--python", default=sys.executable, help="interpreter of the server")
    parser.add_argument("--data", choices=("generated", "imdb"), default="generated")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=8.0, help="per measurement")
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--hostile", action="store_true", help="measure only beside an attack")
    options, server_options = parser.parse_known_args(argv)
    reviews = load_imdb("test").data if options.data == "imdb" else make_reviews(2000)[0]
    reviews = list(reviews[:: max(1, len(reviews) // 1000)])

    if options.hostile:
        messages = [request("/predict", [review]) for review in reviews]
        with running(options.python, options.model, *server_options) as (_, port):
            load(port, messages, options.clients, 1.0)
            under_attack(port, messages, options.clients, options.seconds)
        return

    installed = sizes(options.python)
    print(f"installed: {sum(installed.values()):.0f} MB")
    for name, size in sorted(installed.items(), key=lambda item: -item[1])[:12]:
        print(f"  {name:<20} {size:6.1f} MB")
    message = request("/predict", reviews[:1])
    starts = [cold_start(options.python, options.model, message) for _ in range(options.starts)]
    print(f"first answer after {statistics.median(starts):.2f} s (median of {len(starts)} starts)")

    with running(options.python, options.model, *server_options) as (process, port):
        for path, size in (("/predict", 1), ("/predict", 32), ("/explain", 1)):
            parts = [reviews[k : k + size] for k in range(0, len(reviews), size)]
            messages = [request(path, part) for part in parts]
            load(port, messages, options.clients, 1.0)
            latencies, statuses, seconds = load(port, messages, options.clients, options.seconds)
            assert set(statuses) == {200}, statuses
            latencies.sort()
            mid, last = (latencies[int(len(latencies) * q)] * 1e3 for q in (0.5, 0.99))
            print(
                f"{path} {size:>2} reviews, {options.clients} clients: "
                f"{len(latencies) / seconds:7,.0f} requests/s, {mid:.1f} ms median, "
                f"{last:.1f} ms 99th percentile"
            )
        print(f"memory of the server: {psutil.Process(process.pid).memory_info().rss / 1e6:.0f} MB")


if __name__ == "__main__":
    main()

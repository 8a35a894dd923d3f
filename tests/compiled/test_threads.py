"""The rule for threads: all cores, but one inside a parallel worker."""

import multiprocessing
import subprocess
import sys
import threading

import pytest
from joblib import Parallel, cpu_count, delayed, parallel_config

from sentilib._compiled import _threads
from sentilib._compiled._threads import in_threads, n_threads, resolve_n_jobs, row_slices, threads


@pytest.fixture
def eight_cores(monkeypatch):
    monkeypatch.setattr(_threads, "_n_cores", lambda: 8)


def test_none_means_all_cores(eight_cores):
    assert resolve_n_jobs(None) == 8
    assert n_threads(10**6) == 8
    assert [part.stop - part.start for part in row_slices(8000)] == [1000] * 8


def test_a_number_means_that_number(eight_cores):
    assert resolve_n_jobs(3) == 3
    assert resolve_n_jobs(1) == 1
    assert resolve_n_jobs(-1) == cpu_count()
    with threads(3):
        assert resolve_n_jobs(None) == 3
        with threads(None):
            assert n_threads(10**6) == 3
    assert n_threads(10**6) == 8


def test_few_rows_start_no_thread(eight_cores):
    assert n_threads(300) == 1
    assert n_threads(600) == 2


def test_none_follows_joblib_configuration(eight_cores):
    with parallel_config(n_jobs=5):
        assert resolve_n_jobs(None) == 5
        assert resolve_n_jobs(2) == 2


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_none_means_one_inside_a_worker_of_joblib(backend):
    found = Parallel(2, backend=backend)(delayed(resolve_n_jobs)(None) for _ in range(2))
    assert found == [1, 1]


def test_none_means_one_inside_a_forked_worker_of_joblib():
    """In a process of its own: a fork of this one waits for ever if TensorFlow held a lock."""
    program = (
        "from joblib import Parallel, delayed\n"
        "from sentilib._compiled._threads import resolve_n_jobs\n"
        "tasks = (delayed(resolve_n_jobs)(None) for _ in range(2))\n"
        "print(Parallel(2, backend='multiprocessing')(tasks))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.stdout == "[1, 1]\n", done.stderr


def test_none_means_one_inside_a_child_process():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map_async(resolve_n_jobs, [None]).get(timeout=240) == [1]


def test_threads_do_not_start_threads_of_their_own(eight_cores):
    found = in_threads(lambda part: (resolve_n_jobs(None), threading.get_ident()), range(4))
    assert [n for n, _ in found] == [1] * 4
    assert threading.get_ident() not in {thread for _, thread in found}
    assert resolve_n_jobs(None) == 8

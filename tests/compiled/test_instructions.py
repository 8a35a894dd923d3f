"""Kernels compute the same bits with each instruction set that this processor has."""

import os
import subprocess
import sys

import pytest
from sentilib._compiled._instructions import AVAILABLE, BEST, NAME

PROGRAM = """
import hashlib
import numpy as np
from sentilib._compiled import _instructions
from sentilib._ids import count_tokens
from sentilib._tables._conv import ConvTables, moments
from sentilib._training._blocks import Blocks
from sentilib._training._conv import ConvArchitecture
from sentilib.explain._games._baseline import BaselineModel
from sentilib.explain._games._windows import WindowGame

rng = np.random.default_rng(0)
print(_instructions.NAME)


def show(array):
    print(hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest())


def tables(n_layers, size, n_units, pooling, masks):
    n_in = [9] + [n_units] * n_layers
    kernels = [rng.normal(size=(size, n, n_units)) / n for n in n_in[:-1]]
    return ConvTables(
        head=rng.normal(size=(n_units, 3)), bias=np.zeros(3), masks_padding=masks, ngrams=None,
        embedding=rng.normal(size=(50, 9)) * 10.0 ** rng.integers(-20, 20, (50, 1)),
        kernels=tuple(kernels), biases=tuple(rng.normal(size=(n_layers, n_units))),
        pooling=pooling,
    )


ids = rng.integers(0, 50, (20, 300)).astype(np.int32)
ids[:, 200:] *= rng.random((20, 100)) < 0.1
show(count_tokens(ids))
for model in tables(3, 3, 13, "average", True), tables(2, 4, 8, "max", False):
    show(model.pooled(ids))
    show(model.exact().pooled(ids))
    show(moments(ids, model.embedding, [*zip(model.kernels, model.biases)], True))
    for baseline in (1, "pad"):
        for precise in model, model.exact():
            game = WindowGame(BaselineModel(precise, baseline, np.ones(50), "margin"))
            if precise is not model or baseline == 1:
                show(game.shapley(ids[:2]))
        if baseline == 1:
            show(game.interactions(ids[:1])[2])
        places = np.flatnonzero(ids[0])
        show(game.walk(ids[0], places, rng.permutation(len(places))))
for pooling in "average", "max":
    architecture = ConvArchitecture(9, (33, 5), 4, pooling, 0.0, True)
    weights = architecture.first_weights(50, 2, rng)
    blocks, gradients = Blocks(architecture, 1), {n: w * 0 for n, w in weights.items()}
    show(blocks.forward(ids, weights, 0.3, [1, 2])[0])
    blocks.backward(rng.normal(size=(20, 5)).astype(np.float32), gradients)
    show(np.concatenate([gradients[name].ravel() for name in sorted(gradients)]))
"""


def digests(name):
    """Run the program with an instruction set, and return what it prints."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "SENTILIB_ISA": name},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.fixture(scope="module")
def expected():
    done = digests("")
    assert done.returncode == 0, done.stderr
    first, *lines = done.stdout.splitlines()
    assert first == BEST and len(set(lines)) == len(lines) > 12
    return lines


@pytest.mark.parametrize("name", AVAILABLE[:-1])
def test_each_instruction_set_computes_the_same_bits(name, expected):
    done = digests(name)
    assert done.stdout.splitlines() == [name, *expected], done.stderr


def test_an_instruction_set_that_is_not_there_is_named():
    assert NAME in AVAILABLE
    done = digests("sve")
    assert (
        f"SENTILIB_ISA='sve' is no instruction set of this processor, which has {AVAILABLE[0]}"
        in (done.stderr)
    )

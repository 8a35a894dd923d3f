"""Compiled steps of the CNN."""

from typing import Any

import numpy as np

from sentilib._compiled._instructions import NAME
from sentilib._compiled._threads import resolve_n_jobs
from sentilib._training._blocks import Blocks
from sentilib._training._compiled_steps import CompiledSteps, State

_MOMENTUM = 0.99  # of moving averages, as in Keras


def are_fast() -> bool:
    """Return whether the processor has fused multiply-adds, which the kernels else emulate."""
    return NAME != "baseline"


class ConvSteps(CompiledSteps):
    """Training and validation steps of a training graph of the CNN.

    Parameters
    ----------
    architecture : ConvArchitecture
        Parameters of the layers.
    *arguments : object
        Parameters of `CompiledSteps`.
    """

    def __init__(self, architecture: Any, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._architecture = architecture

    def _new_state(self) -> State:
        state = _ConvState(*self._arguments())
        state.blocks = Blocks(self._architecture, resolve_n_jobs(None))
        return state

    def _layers(self, w: dict[str, np.ndarray]) -> Any:
        return self._architecture.tables(w, None).logits


class _ConvState(State):
    blocks: Blocks

    def _shapes_in_memory(self) -> dict[str, tuple[int, ...]]:
        return {
            name: shape
            for name, shape in self._shapes.items()
            if name != "ngram_deviation" and not name.startswith(("mean_", "variance_"))
        }

    def _prepare(self, w: dict, m: dict, v: dict) -> None:
        self._moving = {name: w[name].copy() for name in w if name.startswith(("mean", "variance"))}

    def _latent_of(self, part: Any) -> np.ndarray:
        keys = self._rng.integers(2**32, size=2).tolist()
        weights = {name: part[0] for name, part in self._parts.items()}
        latent, moments = self.blocks.forward(part, weights, self._rates[0], keys)
        for name, value in moments.items():
            self._moving[name] += (1 - _MOMENTUM) * (value - self._moving[name])
        return latent

    def _update_layers(self, gradient: np.ndarray, g: dict[str, np.ndarray]) -> None:
        self.blocks.backward(gradient, g)

    def write(self) -> None:
        """Write weights, moving averages and moments to the Keras variables."""
        self.blocks.close()
        super().write()
        for name, value in self._moving.items():
            self._variables[name].assign(value)

"""Compiled steps of the Dense model, which visit only the words of a batch."""

from typing import Any

import numpy as np

import sentilib._training._dense_kernels as _dense_kernels
import sentilib._training._embedding_kernels as _embedding_kernels
from sentilib._training._compiled_steps import CompiledSteps, State, entries


class DenseSteps(CompiledSteps):
    """Training and validation steps of a training graph of the Dense model."""

    def _new_state(self) -> State:
        return _DenseState(*self._arguments())

    def _layers(self, w: dict[str, np.ndarray]) -> Any:
        hidden = np.maximum(w["embedding"] @ w["hidden_kernel"] + w["hidden_bias"], 0)
        return lambda bags: (bags @ hidden) @ w["head"] + w["bias"]


class _DenseState(State):
    def _shapes_in_memory(self) -> dict[str, tuple[int, ...]]:
        block = _dense_kernels.BLOCK
        dim, units = (-(-n // block) * block for n in self._shapes["hidden_kernel"])
        return {
            "hidden_kernel": (dim, units),
            "hidden_bias": (units,),
            "head": (units, self._n_classes),
            "bias": (self._n_classes,),
        }

    def _prepare(self, w: dict, m: dict, v: dict) -> None:
        n_ids, dim = self._shapes["embedding"]
        shape = n_ids, len(self._parts["hidden_kernel"][0])
        self._embedding = [np.zeros(shape, dtype=np.float32) for _ in range(3)]
        for array, values in zip(self._embedding, (w, m, v), strict=True):
            array[:, :dim] = values["embedding"]
        self._words = _embedding_kernels.WordSteps(*self._embedding, self._rates[0])

    def _latent_of(self, part: Any) -> np.ndarray:
        bags = entries(part)
        kernel, bias = (self._parts[name][0] for name in ("hidden_kernel", "hidden_bias"))
        latent = np.empty((len(bags[0]) - 1, len(bias)), dtype=np.float32)
        seed = int(self._rng.integers(2**63))
        self._words.forward(*bags, kernel, bias, seed, self.schedule, latent, self._share_forward)
        return latent

    def _update_layers(self, gradient: np.ndarray, g: dict[str, np.ndarray]) -> None:
        transposed = np.ascontiguousarray(self._parts["hidden_kernel"][0].T)
        self._words.backward(
            gradient,
            transposed,
            self.schedule,
            g["hidden_kernel"],
            g["hidden_bias"],
            self._share,
        )

    def _arrays(self) -> dict[str, Any]:
        self._words.finish(self.schedule)
        return {"embedding": self._embedding}

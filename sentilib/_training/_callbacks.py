"""Custom Keras callbacks. Importing this module imports Keras."""

from typing import Any

import numpy as np

from sentilib._training._keras import import_keras

keras = import_keras()
_WARM_UP = 0.1  # fraction of the steps in which a linear schedule rises to its peak


class StopWhenNotFinite(keras.callbacks.Callback):  # type: ignore[name-defined, misc]
    """Raise an error at the end of an epoch whose loss is infinite or NaN."""

    def __init__(self, message: str) -> None:
        super().__init__()
        self.message = message

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Check the loss."""
        if not np.isfinite((logs or {}).get("loss", 0.0)):
            raise ValueError(self.message.format(when=f" in epoch {epoch + 1}"))


class LinearSchedule(keras.callbacks.Callback):  # type: ignore[name-defined, misc]
    """Raise the learning rate to its peak in a tenth of all steps, then lower it to zero."""

    def __init__(self, peak: float, n_steps: int) -> None:
        super().__init__()
        self.peak, self.n_steps = peak, n_steps

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Reset the number of steps."""
        self.step = 0

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the learning rate of the step."""
        done = self.step / self.n_steps
        self.step += 1
        share = min(1.0, (self.step / self.n_steps) / _WARM_UP, (1 - done) / (1 - _WARM_UP))
        self.model.optimizer.learning_rate = self.peak * share

"""Keras optimizers as parameters: their checks, fresh copies, and keys of equal ones."""

import functools
from collections.abc import Callable, Hashable, Iterator
from numbers import Real
from typing import Any

from sentilib._training._backend import backend
from sentilib._training._keras import import_keras

_OF_ADAM = {"name", "learning_rate", "beta_1", "beta_2", "epsilon"}
_NEED_ARGUMENTS = {"optimizer", "lossscaleoptimizer", "multioptimizer"}


def _named(name: str) -> Callable[[], Any]:
    """Return what makes an optimizer of a name, in any case; Keras does not know all its own."""
    optimizers = import_keras().optimizers
    kinds = {
        kind.__name__.lower(): kind
        for kind in vars(optimizers).values()
        if isinstance(kind, type) and issubclass(kind, optimizers.Optimizer)
    }
    names = kinds.keys() - _NEED_ARGUMENTS
    if name.lower() in names:
        return kinds[name.lower()]
    try:
        optimizers.get(name)  # one that is registered
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"optimizer={name!r} names no optimizer of Keras that needs no arguments. Expected an "
            "object, such as keras.optimizers.Adam(), or one of the names "
            f"{', '.join(sorted(names))}."
        ) from error
    return functools.partial(optimizers.get, name)


def check_optimizer(optimizer: Any, learning_rate: Any) -> None:
    """Raise an error unless a parameter is a name or an object of a Keras optimizer."""
    if isinstance(optimizer, str):
        _named(optimizer)
    elif isinstance(optimizer, type):
        raise TypeError(
            f"optimizer is the class {optimizer.__name__}, but must be a name or an object: pass "
            f"{optimizer.__name__}()."
        )
    elif not isinstance(optimizer, import_keras().optimizers.Optimizer):
        raise TypeError(
            "optimizer must be a name or an object of the class keras.optimizers.Optimizer, but "
            f"is of {type(optimizer)}."
        )
    elif not isinstance(learning_rate, str) and not hasattr(optimizer, "learning_rate"):
        raise ValueError(
            f"learning_rate={learning_rate} cannot be set, because {type(optimizer).__name__} has "
            "several rates: pass learning_rate='auto', and the rates to its optimizers."
        )


def peak_learning_rate(learning_rate: float | str, optimizer: Any, default: float) -> float | None:
    """Return the peak of the learning rate; None if the optimizer keeps its own schedule."""
    if not isinstance(learning_rate, str):
        return learning_rate
    return default if isinstance(optimizer, str) else learning_rate_of(optimizer)


def learning_rate_of(optimizer: Any) -> float | None:
    """Return the learning rate of an optimizer object; None if it has a schedule or several."""
    config = optimizer.get_config()
    while "inner_optimizer" in config:
        config = config["inner_optimizer"]["config"]
    rate = config.get("learning_rate")
    return float(rate) if isinstance(rate, Real) else None


def fresh_optimizer(optimizer: Any, sets_learning_rate: bool) -> Any:
    """Return a copy of the optimizer, without its schedule if a learning rate will be set."""
    keras = import_keras()
    if isinstance(optimizer, str):
        optimizer = _named(optimizer)()
    own = {type(part).__name__: type(part) for part in _parts(optimizer)}
    with keras.saving.custom_object_scope(own):  # a class need not be registered
        copy = type(optimizer).from_config(_config(optimizer, sets_learning_rate))
    return backend().fast_optimizer(copy)


def is_plain_adam(optimizer: Any) -> bool:
    """Return whether a fresh optimizer is Adam, with none of Keras's further options."""
    adam = import_keras().optimizers.Adam()
    if type(optimizer) not in (type(adam), type(backend().fast_optimizer(adam))):
        return False
    config, plain = optimizer.get_config(), adam.get_config()
    if any(config[name] != plain[name] for name in plain.keys() - _OF_ADAM):
        return False
    import sentilib._training._dense_kernels as _dense_kernels  # not to predict

    # Close betas, and schedules, which count steps, are left to Keras.
    is_exact = _dense_kernels.is_exact(config["beta_1"], config["beta_2"])
    return is_exact and isinstance(config["learning_rate"], float)


def optimizer_key(optimizer: Any, sets_learning_rate: bool) -> Hashable:
    """Return a value that is equal for optimizers that train alike."""
    if isinstance(optimizer, str):
        return optimizer
    kinds = tuple(type(part) for part in _parts(optimizer))
    return kinds, repr(_config(optimizer, sets_learning_rate))


def _parts(optimizer: Any) -> Iterator[Any]:
    """Yield an optimizer, and the optimizers and schedules that are its attributes."""
    optimizers = import_keras().optimizers
    yield optimizer
    for part in vars(optimizer).values():
        if isinstance(part, optimizers.Optimizer | optimizers.schedules.LearningRateSchedule):
            yield from _parts(part)


def _config(optimizer: Any, sets_learning_rate: bool) -> dict[str, Any]:
    """Return the configuration without names, which Keras counts up with each object."""
    config = whole = optimizer.get_config()
    config.pop("name", None)
    while "inner_optimizer" in config:
        config = config["inner_optimizer"]["config"]
        config.pop("name", None)
    if sets_learning_rate and "learning_rate" in config:
        config["learning_rate"] = 1.0
    return whole


def divergence_message(rate: float | None) -> str:
    """Return what to say when training diverges; `when` is left to fill in."""
    now = "of the optimizer" if rate is None else f"(now {rate:g})"
    return (
        "Training stopped: the loss or a weight became infinite or NaN{when}. Lower "
        f"learning_rate {now}, or check sample_weight and class_weight for very large values."
    )

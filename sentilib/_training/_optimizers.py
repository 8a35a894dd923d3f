"""Keras optimizers as parameters: their checks, fresh copies, and keys of equal ones."""

from collections.abc import Hashable, Iterator
from numbers import Real
from typing import Any

from sentilib._training._keras import import_keras


def _named(name: str) -> Any:
    """Return an optimizer by its name, in any case; Keras itself does not know every one."""
    optimizers = import_keras().optimizers
    kinds = {
        kind.__name__.lower(): kind
        for kind in vars(optimizers).values()
        if isinstance(kind, type) and issubclass(kind, optimizers.Optimizer)
    }
    try:
        return kinds[name.lower()]() if name.lower() in kinds else optimizers.get(name)
    except (ValueError, TypeError) as error:  # no such name, or one that needs arguments
        needs_arguments = {"optimizer", "lossscaleoptimizer", "multioptimizer"}
        raise ValueError(
            f"optimizer={name!r} names no optimizer of Keras that needs no arguments. Expected an "
            "object, such as keras.optimizers.Adam(), or one of the names "
            f"{', '.join(sorted(kinds.keys() - needs_arguments))}."
        ) from error


def check_optimizer(optimizer: Any) -> None:
    """Raise an error unless the parameter is a name or an object of a Keras optimizer."""
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
        optimizer = _named(optimizer)
    own = {type(part).__name__: type(part) for part in _parts(optimizer)}
    with keras.saving.custom_object_scope(own):  # a class need not be registered
        copy = type(optimizer).from_config(_config(optimizer, sets_learning_rate))
    if type(copy) is keras.optimizers.Adam and keras.backend.backend() == "tensorflow":
        from sentilib._training._tensorflow import one_pass_adam

        return one_pass_adam().from_config(copy.get_config())
    return copy


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

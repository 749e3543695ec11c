"""Layers whose name matches a pattern do not train: for good, or in the first epochs."""

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import keras

from tfaip.errors import UsageError
from tfaip.model.sub_layers import sub_layers
from tfaip.params.suggestions import did_you_mean
from tfaip.scenario.freeze_rules import FreezeRule

logger = logging.getLogger(__name__)


def freeze(root: keras.layers.Layer, pattern: str | None) -> list[str]:
    """Make every layer whose full name matches `pattern` completely non-trainable; return the names.

    The full name of a layer is the names from `root` down joined by `/`. What is below a frozen layer is
    frozen with it.

    Raises:
        UsageError: The pattern is no regular expression, or matches no layer.
    """
    if not pattern:
        return []
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise UsageError(
            f"`--trainer.no_train_scope` must be a regular expression, got {pattern!r}: {error}."
        ) from error
    frozen = list(_freeze(root, root.name, expression))
    if not frozen:
        names = [name for name, _ in named_layers(root)]
        raise UsageError(
            f"`--trainer.no_train_scope {pattern}` matches no layer completely."
            f"{did_you_mean(pattern, names)} The layers are: {', '.join(names)}."
        )
    logger.info("Not trained (`no_train_scope` %s): %s", pattern, ", ".join(frozen))
    return frozen


def check_something_trains(root: keras.layers.Layer, flag: str) -> None:
    """Raise a `UsageError` if no weight is left to train: an optimizer without weights counts no steps."""
    if not root.trainable_weights:
        raise UsageError(
            f"`{flag}` leaves nothing to train. Give a pattern that matches fewer layers, or set "
            "`--learning_rate.lr 0` to only measure the model."
        )


class TimedFreezing:
    """The layers that `--trainer.freeze` keeps from training, each until its epoch.

    The optimizer must have been built for all layers before; steps must be traced anew after a change.
    """

    def __init__(self, root: keras.layers.Layer, rules: Sequence[FreezeRule]):
        self._root = root
        self._layers = {rule: _matched(root, rule) for rule in rules}
        # The former flags: a layer that was frozen for good, or by its author, stays so.
        self._former = [(layer, layer.trainable) for _, layer in named_layers(root)]
        self._former_weights = [(weight, weight.trainable) for weight in root.weights]
        self._active: tuple[FreezeRule, ...] = ()
        self._check_first_epoch()

    def apply(self, epochs_done: int) -> bool:
        """Freeze and unfreeze for the epoch after `epochs_done` epochs; return whether anything changed."""
        active = tuple(rule for rule in self._layers if rule.holds(epochs_done))
        if active == self._active:
            return False
        before = self._frozen()
        self._active = active
        self._set(active)
        self._report(before, epochs_done)
        return True

    def _check_first_epoch(self) -> None:
        """Raise if nothing would train in the first epoch, in which most is frozen."""
        if not self._layers:
            return
        self._set(self._layers)
        flag = f"--trainer.freeze {' '.join(rule.text for rule in self._layers)}"
        check_something_trains(self._root, flag)
        self._set(())

    def _set(self, active: Iterable[FreezeRule]) -> None:
        for layer, trainable in self._former:  # parents first, as each sets what is below it
            layer.trainable = trainable
        for weight, trainable in self._former_weights:
            weight.trainable = trainable
        for rule in active:
            for layer in self._layers[rule].values():
                layer.trainable = False

    def _frozen(self) -> set[str]:
        return {name for rule in self._active for name in self._layers[rule]}

    def _report(self, before: set[str], epochs_done: int) -> None:
        for rule in self._active:
            until = "for good" if rule.epochs is None else f"until epoch {rule.epochs} is done"
            logger.info("Not trained %s (`freeze` %s): %s", until, rule.text, ", ".join(self._layers[rule]))
        released = sorted(before - self._frozen())
        if released:
            logger.info("Trained from epoch %d on: %s", epochs_done + 1, ", ".join(released))


def _matched(root: keras.layers.Layer, rule: FreezeRule) -> dict[str, keras.layers.Layer]:
    layers = list(named_layers(root))
    matched = {name: layer for name, layer in layers if rule.matches(name, type(layer).__name__)}
    if not matched:
        names = [name for name, _ in layers]
        raise UsageError(
            f"`--trainer.freeze {rule.text}` matches no layer.{did_you_mean(rule.pattern, names)} "
            f"The layers are: {', '.join(names)}."
        )
    return matched


def named_layers(layer: keras.layers.Layer, name: str = "") -> Iterator[tuple[str, keras.layers.Layer]]:
    """Return `layer` and all layers below it with their full names, parents first."""
    name = name or layer.name
    yield name, layer
    for child in sub_layers(layer):
        yield from named_layers(child, f"{name}/{child.name}")


def _freeze(layer: Any, name: str, expression: re.Pattern[str]) -> Iterator[str]:
    if expression.fullmatch(name):
        layer.trainable = False
        yield name
        return
    for child in sub_layers(layer):
        yield from _freeze(child, f"{name}/{child.name}", expression)

"""Layers whose name matches a pattern do not train."""

import logging
import re
from collections.abc import Iterator
from typing import Any

import keras

from tfaip.errors import UsageError
from tfaip.params.suggestions import did_you_mean

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


def named_layers(layer: keras.layers.Layer, name: str = "") -> Iterator[tuple[str, keras.layers.Layer]]:
    """Return `layer` and all layers below it with their full names, parents first."""
    name = name or layer.name
    yield name, layer
    for child in sub_layers(layer):
        yield from named_layers(child, f"{name}/{child.name}")


def sub_layers(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Return the layers in the attributes of `layer`, also in lists, tuples and dicts, each once."""
    unique = {id(child): child for value in vars(layer).values() for child in _layers_in(value)}
    return list(unique.values())


def _freeze(layer: Any, name: str, expression: re.Pattern[str]) -> Iterator[str]:
    if expression.fullmatch(name):
        layer.trainable = False
        yield name
        return
    for child in sub_layers(layer):
        yield from _freeze(child, f"{name}/{child.name}", expression)


def _layers_in(value: Any) -> Iterator[keras.layers.Layer]:
    if isinstance(value, keras.layers.Layer):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _layers_in(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _layers_in(item)

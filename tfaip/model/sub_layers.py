"""The layers inside a layer."""

from collections.abc import Iterator
from typing import Any

import keras


def sub_layers(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Return the layers in the attributes of `layer`, also in lists, tuples and dicts, each once."""
    unique = {id(child): child for value in vars(layer).values() for child in _layers_in(value)}
    return list(unique.values())


def with_sub_layers(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Return `layer` and all layers below it, each once."""
    found: dict[int, keras.layers.Layer] = {}
    waiting = [layer]
    while waiting:
        one = waiting.pop()
        if id(one) not in found:
            found[id(one)] = one
            waiting.extend(sub_layers(one))
    return list(found.values())


def _layers_in(value: Any) -> Iterator[keras.layers.Layer]:
    if isinstance(value, keras.layers.Layer):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _layers_in(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _layers_in(item)

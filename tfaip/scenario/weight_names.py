"""The full names of weights: the layers from the outside in, joined by slashes, and the weight."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import keras

from tfaip.model.sub_layers import sub_layers
from tfaip.scenario.freezing import named_layers


def weight_names(model: keras.layers.Layer) -> list[str]:
    """Return the full names of `model.weights`, `root/ToyGraph/hidden/kernel` for example, in their order.

    The name of a Keras model itself, which exists only in training or only in prediction, is no part of them.
    """
    tops = _tops(model)
    starts = tuple(f"{top.name}/" for top in tops)
    if all(weight.path.startswith(starts) for weight in model.weights):
        return unique([weight.path for weight in model.weights])
    # What is inside of a functional model that is used as a layer does not know where it lies.
    owners = _owners(tops)
    names = [
        weight.path if weight.path.startswith(starts) else f"{owners[id(weight)]}/{weight.name}"
        for weight in model.weights
    ]
    return unique(names)


def unique(names: Sequence[str]) -> list[str]:
    """Return the names with `#1`, `#2`, ... after those that were there before.

    Keras allows two layers of the same name side by side.
    """
    seen: Counter[str] = Counter()
    result = []
    for name in names:
        result.append(f"{name}#{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return result


def positions(model: keras.layers.Layer) -> list[int]:
    """Return for each of `model.weights` which weight of its layer it is, counted from 0."""
    found: dict[int, int] = {}
    for top in _tops(model):
        for _, layer in named_layers(top):
            found.update({id(weight): i for i, weight in enumerate(_own_weights(layer))})
    return [found[id(weight)] for weight in model.weights]


def layer_classes(model: keras.layers.Layer) -> set[str]:
    """Return the names of the classes of all layers."""
    return {type(layer).__name__ for top in _tops(model) for _, layer in named_layers(top)}


def _tops(model: Any) -> list[keras.layers.Layer]:
    """Return what names start with: the layers of a model, or the layer."""
    return list(model.layers) if isinstance(model, keras.Model) else [model]


def _owners(tops: list[keras.layers.Layer]) -> dict[int, str]:
    """Return the shortest full name of the layer that owns each weight, by the weight's id."""
    names = sorted((pair for top in tops for pair in named_layers(top)), key=lambda pair: len(pair[0]))
    owners: dict[int, str] = {}
    for name, layer in names:
        for weight in _own_weights(layer):
            owners.setdefault(id(weight), name)
    return owners


def _own_weights(layer: keras.layers.Layer) -> list[keras.Variable]:
    """Return the weights of `layer` that belong to no layer below it."""
    below = {id(weight) for child in sub_layers(layer) for weight in child.weights}
    return [weight for weight in layer.weights if id(weight) not in below]

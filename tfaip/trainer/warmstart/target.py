"""The model that is warm-started, with weights that know their full names."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from tfaip.scenario.weight_names import layer_classes, positions, weight_names
from tfaip.trainer.warmstart.matching import SUFFIX, WeightNameError, ranked, with_suffix

_NO_NAMES = {"layer", "wrapper"}  # of abstract classes of Keras; `layer_1` is somebody's own name
_PREFIXES = ("forward_", "backward_")  # `Bidirectional` puts them before the name of its layer


class NamedWeight:
    """A weight whose `name` is `root/ToyGraph/hidden/kernel:0`; all else is that of the Keras variable."""

    def __init__(self, variable: keras.Variable, name: str):
        self.variable = variable
        self.name = name

    @property
    def path(self) -> str:
        """The name without `:0`."""
        return self.name.removesuffix(SUFFIX)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.variable, name)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(self.variable, dtype)

    def __repr__(self) -> str:
        return f"<NamedWeight {self.name} {tuple(self.variable.shape)}>"


class TargetModel:
    """A Keras model whose `weights` have full names; all else is that of the model."""

    def __init__(self, model: Any):
        self.model = model
        self.is_automatic = automatic_names(layer_classes(model))
        names = ranked(weight_names(model), self.is_automatic)
        self.weights = [
            NamedWeight(w, with_suffix(name)) for w, name in zip(model.weights, names, strict=True)
        ]
        self.positions = positions(model)

    @property
    def names(self) -> list[str]:
        """The full names of the weights."""
        return [weight.name for weight in self.weights]

    @property
    def trainable_weights(self) -> list[NamedWeight]:
        """The weights that train."""
        return [weight for weight in self.weights if weight.trainable]

    @property
    def non_trainable_weights(self) -> list[NamedWeight]:
        """The weights that do not train."""
        return [weight for weight in self.weights if not weight.trainable]

    def get_weights(self) -> list[np.ndarray]:
        """Return the values of all weights."""
        return [np.asarray(weight) for weight in self.weights]

    def set_weights(self, values: Sequence[Any]) -> None:
        """Set all weights, or none of them if a shape differs."""
        self._check_shapes(values)
        for weight, value in zip(self.weights, values, strict=True):
            weight.assign(value)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def _check_shapes(self, values: Sequence[Any]) -> None:
        if len(values) != len(self.weights):
            raise WeightNameError(f"The model has {len(self.weights)} weights, got {len(values)} values.")
        changed = [
            f"{weight.name} {np.shape(value)} -> {tuple(weight.shape)}"
            for weight, value in zip(self.weights, values, strict=True)
            if np.shape(value) != tuple(weight.shape)
        ]
        if changed:
            raise WeightNameError(
                f"Weights of the warm start have another shape in the model; nothing was loaded: "
                f"{', '.join(changed)}. Leave them out with `--warmstart.exclude` (of `--warmstart.model`) "
                "or `--warmstart.exclude_keys` (of `--warmstart.base`)."
            )


def automatic_names(classes: set[str]) -> Any:
    """Return a function: is a layer name, without its number, one that Keras makes from a class name?

    Args:
        classes: Further classes than those of Keras.
    """
    layers = {name for name in dir(keras.layers) if isinstance(getattr(keras.layers, name), type)}
    models = {"Functional", "Model", "Sequential"}
    known = {name.lower() for name in layers | models | classes} - _NO_NAMES

    def is_automatic(name: str) -> bool:
        for prefix in _PREFIXES:
            name = name.removeprefix(prefix)
        return name.replace("_", "").lower() in known

    return is_automatic

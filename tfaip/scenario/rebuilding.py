"""Build an exported model anew from its code, so that it can be looked into or changed."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras

from tfaip.errors import UsageError
from tfaip.scenario import building
from tfaip.scenario.saved_weights import saved_weights
from tfaip.scenario.weight_names import weight_names

if TYPE_CHECKING:
    from tfaip.scenario.scenariobase import ScenarioBase


def rebuilt_model(scenario: "ScenarioBase[Any, Any]", saved_model_dir: Path) -> keras.Model:
    """Return the prediction model of `scenario`, built from its code, with exported weights.

    Args:
        scenario: Made from the params of the export.
        saved_model_dir: The SavedModel that holds the weights.

    Raises:
        UsageError: If the code builds other layers than those that were exported.
    """
    model = building.export_graphs(scenario)["default"].keras_model
    stored = saved_weights(saved_model_dir) or {}
    names = weight_names(model)
    order = list(stored) if _numberless(stored) == _numberless(names) else names
    is_same = set(order) == set(stored) and all(
        tuple(weight.shape) == stored[name].shape for name, weight in zip(order, model.weights, strict=True)
    )
    if not is_same:
        raise UsageError(
            f"The model in `{saved_model_dir}` can not be built from the code of "
            f"`{type(scenario).__name__}`, which makes other layers. Leave out `--run_eagerly` and "
            "`--instantiate_graph` to use it as it was exported."
        )
    for name, weight in zip(order, model.weights, strict=True):
        weight.assign(stored[name])
    return model


def _numberless(names: Sequence[str] | dict[str, Any]) -> list[str]:
    """Return the names without the numbers of layers, which Keras counts up in a process."""
    return [re.sub(r"_\d+(?=/|$)", "", name) for name in names]

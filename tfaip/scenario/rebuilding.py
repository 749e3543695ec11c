"""Build an exported model anew from its code, so that it can be looked into or changed."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from tfaip.errors import UsageError
from tfaip.scenario import building

if TYPE_CHECKING:
    from tfaip.scenario.scenariobase import ScenarioBase

_WEIGHTS = "variables/variables"  # of a SavedModel; they are stored as a checkpoint of what was saved


def rebuilt_model(scenario: "ScenarioBase[Any, Any]", saved_model_dir: Path) -> keras.Model:
    """Return the prediction model of `scenario`, built from its code, with exported weights.

    Args:
        scenario: Made from the params of the export.
        saved_model_dir: The SavedModel that holds the weights.

    Raises:
        UsageError: If the code builds other layers than those that were exported.
    """
    model = building.export_graphs(scenario)["default"].keras_model
    try:
        # By the attributes that lead to a weight: names of layers may be counted differently.
        status = tf.train.Checkpoint(keras_model=model).read(str(saved_model_dir / _WEIGHTS))
        status.expect_partial().assert_existing_objects_matched()
    except (AssertionError, ValueError, tf.errors.OpError) as error:
        raise UsageError(
            f"The model in `{saved_model_dir}` can not be built from the code of "
            f"`{type(scenario).__name__}`, which makes other layers. Leave out `--run_eagerly` and "
            "`--instantiate_graph` to use it as it was exported."
        ) from error
    return model

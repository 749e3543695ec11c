"""From params to Keras models: the one that trains, the ones that are exported, and their training."""

import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterable

import tensorflow as tf

from tfaip.data.pipeline.definitions import PipelineMode
from tfaip.data.specs import as_spec
from tfaip.errors import UsageError
from tfaip.model.input_gradient import InputGradientPenalty
from tfaip.model.precision import computing_in_float32
from tfaip.model.training_model import TrainingModel
from tfaip.scenario.batch_specs import batch_specs
from tfaip.scenario.comparison import ComparedSamples
from tfaip.scenario.export import SavedGraph, compare_outputs, zeros
from tfaip.scenario.freezing import check_something_trains, freeze
from tfaip.scenario.summary import layer_table

if TYPE_CHECKING:
    from tfaip.data.data import DataBase
    from tfaip.scenario.scenariobase import ScenarioBase

logger = logging.getLogger(__name__)


def traced_training_model(scenario: "ScenarioBase", no_train_scope: str | None) -> TrainingModel:
    """Return the model that trains the scenario's graph, traced symbolically; no data are opened."""
    penalty = input_gradient_penalty(scenario)
    model = TrainingModel(scenario.root_graph)
    model.input_gradient = penalty
    model.trace_graph(batch_specs(scenario.data))
    if freeze(scenario.root_graph, no_train_scope):
        check_something_trains(scenario.root_graph, f"--trainer.no_train_scope {no_train_scope}")
    return model


def compile_training_model(
    scenario: "ScenarioBase", optimizer: Any, *, run_eagerly: bool, jit_compile: bool, steps_per_epoch: int
) -> None:
    """Give the training model its optimizer, and the optimizer its variables."""
    model = scenario.keras_train_model
    assert model is not None  # noqa: S101 - for the type checker
    model.compile(optimizer=optimizer, run_eagerly=run_eagerly, jit_compile=jit_compile)  # type: ignore[arg-type]
    model.prepare_optimizer(steps_per_epoch)


def export_graphs(scenario: "ScenarioBase") -> dict[str, SavedGraph]:
    """Return what the model exports, by label: prediction graphs on input layers."""
    inputs = scenario.data.create_input_layers()
    targets = scenario.data.create_target_as_input_layers()
    with computing_in_float32(scenario.root_graph):
        outputs = scenario.root_graph.predict(inputs)
        graphs = scenario.model.export_graphs(inputs, outputs, targets)
    return {label: SavedGraph(graph) for label, graph in graphs.items()}


def check_save_and_load(graph: SavedGraph, tolerance: float | None) -> None:
    """Save the graph, load it, and compare the outputs for a batch of zeros.

    Raises:
        UsageError: It cannot be saved, or what is loaded computes something else.
    """
    samples = ComparedSamples()
    samples.keep({key: zeros(spec) for key, spec in graph.input_specs.items()}, "made-up")
    try:
        with tempfile.TemporaryDirectory(prefix="tfaip-load-test-") as folder:
            graph.save(folder)
            comparison = compare_outputs(graph, Path(folder), samples, tolerance)
    except Exception as error:
        raise UsageError(
            f"The prediction model cannot be saved and loaded: {type(error).__name__}: {error}. Correct the "
            "graph, or skip this test with `--trainer.skip_model_load_test True`."
        ) from error
    if comparison.refused:
        names = ", ".join(f"`{name}`" for name in sorted(comparison.refused))
        raise UsageError(
            f"The saved and loaded prediction model computes another {names} than the model in memory, so "
            "its exports would be wrong. Look for random or stateful operations in the prediction graph, "
            "accept more with `--scenario.export_tolerance`, or skip this test with "
            "`--trainer.skip_model_load_test True`."
        )


def fit(
    scenario: "ScenarioBase",
    *,
    validation_freq: int,
    val_every_n_steps: int = 0,
    batches: Iterable[Any] | None = None,
    validation: Iterable[Any] | None = None,
    **kwargs: Any,
) -> dict[str, Any]:
    """Train on `batches` and validate on `validation`, or else on the pipelines for it."""
    model = scenario.keras_train_model
    if model is None:
        raise UsageError("Call `setup_training` of the scenario before `fit`.")
    if batches is None:
        batches = _dataset(scenario, PipelineMode.TRAINING)
    if batches is None:
        raise UsageError("There are no training samples: create the training pipeline before `fit`.")
    is_validating = validation_freq > 0 or val_every_n_steps > 0
    if validation is None and is_validating:
        validation = _dataset(scenario, PipelineMode.EVALUATION)
    if is_validating and validation is None:
        logger.warning("There are no validation samples, so no model is tracked as the best.")
    logger.info("Layers of the model:\n%s", layer_table(scenario.root_graph))
    return model.fit(
        batches,
        validation=validation,
        validation_freq=validation_freq,
        val_every_n_steps=val_every_n_steps,
        **kwargs,
    )


def _dataset(scenario: "ScenarioBase", mode: PipelineMode) -> Iterable[Any] | None:
    pipeline = scenario.data.pipeline_by_mode(mode)
    return None if pipeline is None else pipeline.input_dataset(auto_repeat=mode == PipelineMode.TRAINING)


def input_gradient_penalty(scenario: "ScenarioBase") -> InputGradientPenalty | None:
    """Return the penalty of input-gradient regularisation; `None` if it is not wanted."""
    params = scenario.params
    if not params.use_input_gradient_regularization:
        return None
    return InputGradientPenalty(
        key=check_input_gradient(scenario.data),
        h=params.input_gradient_regularization_h,
        weight=params.input_gradient_regularization_lambda,
    )


def check_input_gradient(data: "DataBase") -> str:
    """Return the key of the input whose gradient is regularised; it must be there and a float."""
    key = data.input_tensor_key_for_regularization()
    if key is None:
        raise UsageError(
            "`--scenario.use_input_gradient_regularization True` needs to know the input: override "
            "`input_tensor_key_for_regularization` of the data and return its key."
        )
    specs = data.input_layer_specs()
    if key not in specs:
        raise UsageError(
            f"`input_tensor_key_for_regularization` of the data returns `{key}`, but the inputs are "
            f"{sorted(specs)}. Return one of them."
        )
    dtype = as_spec(specs[key]).dtype
    if not tf.as_dtype(dtype).is_floating:
        raise InputTypeError(
            f"The input `{key}` for input-gradient regularisation must be a float, got {dtype}. "
            "Return the key of a float input from `input_tensor_key_for_regularization`."
        )
    return key


class InputTypeError(UsageError, TypeError):
    """An input that is to be regularised is no float."""

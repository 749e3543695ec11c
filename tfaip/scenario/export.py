"""An export: the SavedModel, the params, the resources, and a description for other programs."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from tfaip.data.pipeline.definitions import PipelineMode
from tfaip.errors import StorageError, UsageError
from tfaip.files import replaced_dir, write_json
from tfaip.model.precision import computing_in_float32
from tfaip.scenario.batch_specs import batch_specs
from tfaip.scenario.comparison import (
    ComparedSamples,
    Comparison,
    entry,
    entry_of_weights,
    write_report,
)
from tfaip.scenario.saved_weights import WEIGHTS_ATTRIBUTE, check_weights, same_weights, saved_weights
from tfaip.scenario.scenariobaseparams import NetConfigNodeSpec, NetConfigParamsBase
from tfaip.scenario.weight_names import weight_names
from tfaip.version import __version__

if TYPE_CHECKING:
    from tfaip.scenario.scenariobase import ScenarioBase

IN_MEMORY = "the model in memory"  # what a SavedModel is compared with, in reports
OUTDATED = (
    "lav_results*.json",
    "model.*",
    "saved_model",
    ".model.*",
    ".saved_model.*",
)  # made from the old one


class SavedGraph(tf.Module):
    """A Keras model as a SavedModel, traced once and saved as often as wanted.

    The signature `serving_default` takes the inputs by name and gives the outputs by name; the loaded object
    itself can be called with the dict of inputs. Its `weights` are the variables by their full names, since
    the variables of Keras 3 do not know in which layers they are.

    Attributes:
        keras_model: The model.
        comparison: How outputs of a SavedModel of this trace compared with the model, once they did.
    """

    def __init__(self, keras_model: keras.Model):
        super().__init__()
        self.keras_model = keras_model
        # The very variables of the model: those inside of them would be stored a second time.
        names = weight_names(keras_model)
        setattr(self, WEIGHTS_ATTRIBUTE, dict(zip(names, keras_model.weights, strict=True)))
        self.comparison: Comparison | None = None
        self._signature: Any = None

    @property
    def input_specs(self) -> dict[str, tf.TensorSpec]:
        """The inputs by name, with batch axis."""
        return input_specs(self.keras_model)

    @property
    def named_weights(self) -> dict[str, keras.Variable]:
        """The weights by their full names."""
        return dict(getattr(self, WEIGHTS_ATTRIBUTE))

    def in_memory(self) -> Callable[[Any], dict[str, Any]]:
        """Return the model as a function from inputs to outputs by name, traced anew."""
        function = tf.function(self._outputs, input_signature=[self.input_specs], autograph=False)
        function.get_concrete_function()  # Here, because TensorFlow warns of traces in calls.
        return function

    @tf.function(autograph=False)
    def __call__(self, inputs: Any, training: bool = False) -> Any:
        """Return the outputs by name; `training` has no effect."""
        return self._outputs(inputs)

    def save(self, folder: str) -> None:
        """Write the SavedModel into `folder`."""
        if self._signature is None:
            specs = self.input_specs
            self._signature = tf.function(self._serve, autograph=False).get_concrete_function(**specs)
            call: Any = self.__call__
            call.get_concrete_function(specs, training=False)
            call.get_concrete_function(specs)
        with computing_in_float32(self.keras_model):  # Keras adds a function of its own
            tf.saved_model.save(self, folder, signatures={"serving_default": self._signature})

    def _serve(self, **inputs: Any) -> Any:
        return self._outputs(inputs)

    def _outputs(self, inputs: Any) -> dict[str, Any]:
        with computing_in_float32(self.keras_model):
            return called_by_name(self.keras_model, inputs)


def input_specs(model: keras.Model) -> dict[str, tf.TensorSpec]:
    """Return the inputs of a model by name, with batch axis."""
    inputs = model.input
    named = inputs if isinstance(inputs, dict) else {x.name: x for x in keras.tree.flatten(inputs)}
    return {key: tf.TensorSpec(x.shape, x.dtype, name=key) for key, x in named.items()}


def called_by_name(model: keras.Model, inputs: Any) -> dict[str, Any]:
    """Return the outputs of a prediction model by name; an only one without a name is `output`."""
    outputs: Any = model(inputs, training=False)
    return outputs if isinstance(outputs, dict) else {"output": outputs}


def export_scenario(
    scenario: "ScenarioBase",
    graphs: dict[str, SavedGraph],
    path: str,
    trainer_params: Any,
    export_resources: bool,
) -> None:
    """Write an export to the folder `path`, compare it, and replace what was there before.

    Raises:
        StorageError: It can not be written, or computes something else than the model.
    """
    if not graphs:
        raise UsageError("Call `setup_training` of the scenario before `export`.")
    with replaced_dir(Path(path), outdated=OUTDATED) as folder:
        write_into(folder, scenario, graphs, trainer_params, export_resources)
        if scenario.params.export_serve:
            samples = compared_samples(scenario)
            report = {
                name: _compared(
                    graph, folder / name, f"{path}/{name}", samples, scenario.params.export_tolerance
                )
                for name, graph in _named(scenario, graphs).items()
            }
            write_report(folder, report)


def write_into(
    folder: Path,
    scenario: "ScenarioBase",
    graphs: dict[str, SavedGraph],
    trainer_params: Any,
    export_resources: bool,
) -> None:
    """Write graphs, resources, description and params into `folder`."""
    params = scenario.params
    content: Any = (trainer_params or params).to_dict()  # type: ignore[attr-defined]
    if export_resources:
        in_scenario = content["scenario"] if trainer_params else content
        scenario.data.dump_resources(str(folder), in_scenario["data"])
        in_scenario["data"]["resource_base_path"] = "."
    if params.export_serve:
        for name, graph in _named(scenario, graphs).items():
            _save(graph, folder / name)
    if params.export_net_config:
        description: Any = scenario.net_config()
        write_json(folder / params.net_config_filename, description.to_dict())
    name = params.trainer_params_filename if trainer_params else params.scenario_params_filename
    write_json(folder / name, content)


def is_current(scenario: "ScenarioBase", graphs: dict[str, SavedGraph], path: Path) -> bool:
    """Return whether the export at `path` is there and holds the weights of this moment, bit for bit."""
    if not scenario.params.export_serve:
        return path.is_dir()
    return all(
        same_weights(saved_weights(path / name), graph.named_weights)
        for name, graph in _named(scenario, graphs).items()
    )


def compared_samples(scenario: "ScenarioBase") -> ComparedSamples:
    """Return the samples on which to compare: those kept, else the first of the validation, else zeros."""
    if not scenario.compared_samples.batches:
        pipeline = scenario.data.pipeline_by_mode(PipelineMode.EVALUATION)
        scenario.compared_samples = samples_of(pipeline, scenario)
    return scenario.compared_samples


def samples_of(pipeline: Any, scenario: "ScenarioBase") -> ComparedSamples:
    """Return the first samples of a pipeline; zeros if there are none."""
    samples = ComparedSamples()
    if pipeline is not None:
        with pipeline.generate_input_batches() as batches:
            inputs, targets, _ = next(iter(batches), ({}, {}, {}))
            samples.keep({**targets, **inputs}, "validation")
    if not samples.batches:
        specs, _, _ = batch_specs(scenario.data)
        samples.keep({key: zeros(spec) for key, spec in specs.items()}, "made-up")
    return samples


def compare_outputs(
    graph: SavedGraph, folder: Path, samples: ComparedSamples, tolerance: float | None
) -> Comparison:
    """Load the SavedModel in `folder`, and compare it with the model in memory."""
    specs = graph.input_specs
    signature: Any = tf.saved_model.load(str(folder)).signatures["serving_default"]  # type: ignore[union-attr]
    in_memory = graph.in_memory()
    return samples.compare(
        lambda batch: in_memory(taken(batch, specs)),
        lambda batch: signature(**taken(batch, specs)),
        reference=IN_MEMORY,
        loaded_with="tf.saved_model.load",
        tolerance=tolerance,
    )


def taken(batch: Any, specs: dict[str, tf.TensorSpec]) -> dict[str, tf.Tensor]:
    """Return the tensors of a batch that a graph takes; what the samples lack is zero."""
    number = len(next(iter(batch.values())))
    return {
        key: tf.convert_to_tensor(batch[key], spec.dtype)
        if _fits(batch.get(key), spec)
        else zeros(spec, number)
        for key, spec in specs.items()
    }


def _fits(value: Any, spec: tf.TensorSpec) -> bool:
    """Return whether a graph takes an array; targets may have been changed since their specification."""
    return value is not None and spec.is_compatible_with(tf.convert_to_tensor(value))


def zeros(spec: tf.TensorSpec, number: int = 1) -> tf.Tensor:
    """Return a batch of `number` zeros, or empty texts; axes of any length are 1."""
    shape = [number, *(1 if axis is None else axis for axis in spec.shape[1:])] if spec.shape.rank else []
    return tf.fill(shape, "") if spec.dtype == tf.string else tf.zeros(shape, spec.dtype)


def _named(scenario: "ScenarioBase", graphs: dict[str, SavedGraph]) -> dict[str, SavedGraph]:
    """Return the graphs by the folders of their SavedModels in an export."""
    params = scenario.params
    return {
        params.default_serve_dir if label == "default" else f"{params.additional_serve_dir}/{label}": graph
        for label, graph in graphs.items()
    }


def _save(graph: SavedGraph, folder: Path) -> None:
    try:
        graph.save(str(folder))
    except tf.errors.OpError as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:300]
        raise StorageError(
            f"Could not write the export: {reason}. What was there before is unchanged. Make room or choose "
            "another `--trainer.output_dir`."
        ) from error


def _compared(
    graph: SavedGraph, folder: Path, shown: str, samples: ComparedSamples, tolerance: float | None
) -> dict[str, Any]:
    """Compare what was written to `folder` with the model, and return the entry of the report.

    Once the outputs of a graph agreed, only the weights change, which are read back and compared bit by bit.
    """
    check_weights(folder, graph.named_weights)
    if graph.comparison is not None:
        return entry_of_weights(len(graph.named_weights), graph.comparison)
    comparison = compare_outputs(graph, folder, samples, tolerance)
    comparison.check(shown)
    graph.comparison = comparison
    return entry(comparison)


def describe(scenario: "ScenarioBase", graph: SavedGraph) -> NetConfigParamsBase:
    """Return the inputs and outputs of an exported graph with their names in the SavedModel."""
    outputs: Any = graph.keras_model.output
    named: dict[str, Any] = outputs if isinstance(outputs, dict) else {"output": outputs}
    return scenario.net_config_cls()(
        id_model=scenario.params.id or "",
        id_serve=scenario.params.default_serve_dir,
        in_nodes={key: _node(spec, f"serving_default_{key}:0") for key, spec in graph.input_specs.items()},
        out_nodes={
            key: _node(tf.TensorSpec(named[key].shape, named[key].dtype), f"StatefulPartitionedCall:{i}")
            for i, key in enumerate(sorted(named))
        },
        tf_version=tf.__version__,
        tfaip_commit_hash=scenario.params.tfaip_commit_hash or "",
        tfaip_version=__version__,
    )


def _node(spec: tf.TensorSpec, name: str) -> NetConfigNodeSpec:
    return NetConfigNodeSpec(shape=[str(axis) for axis in spec.shape], dtype=spec.dtype.name, node_serve=name)

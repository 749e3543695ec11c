"""An export: the SavedModel, the params, the resources, and a description for other programs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from tfaip.errors import UsageError
from tfaip.files import replaced_dir, write_json
from tfaip.model.precision import computing_in_float32
from tfaip.scenario.scenariobaseparams import NetConfigNodeSpec, NetConfigParamsBase
from tfaip.scenario.weight_names import weight_names
from tfaip.version import __version__

if TYPE_CHECKING:
    from tfaip.scenario.scenariobase import ScenarioBase

WEIGHTS_ATTRIBUTE = "weights"  # of a SavedModel; what a warm start reads


class SavedGraph(tf.Module):
    """A Keras model as a SavedModel, traced once and saved as often as wanted.

    The signature `serving_default` takes the inputs by name and gives the outputs by name; the loaded object
    itself can be called with the dict of inputs. Its `weights` are the variables by their full names, since
    the variables of Keras 3 do not know in which layers they are.
    """

    def __init__(self, keras_model: keras.Model):
        super().__init__()
        self.keras_model = keras_model
        variables = [weight.value for weight in keras_model.weights]
        setattr(self, WEIGHTS_ATTRIBUTE, dict(zip(weight_names(keras_model), variables, strict=True)))
        self._signature: Any = None

    @property
    def input_specs(self) -> dict[str, tf.TensorSpec]:
        """The inputs by name, with batch axis."""
        inputs = self.keras_model.input
        layers = inputs if isinstance(inputs, dict) else {x.name: x for x in keras.tree.flatten(inputs)}
        return {key: tf.TensorSpec(x.shape, x.dtype, name=key) for key, x in layers.items()}

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
            outputs = self.keras_model(inputs, training=False)
        return outputs if isinstance(outputs, dict) else {"output": outputs}


def export_scenario(
    scenario: "ScenarioBase",
    graphs: dict[str, SavedGraph],
    path: str,
    trainer_params: Any,
    export_resources: bool,
) -> None:
    """Write an export to the folder `path`; what was there before is replaced when all is written."""
    if not graphs:
        raise UsageError("Call `setup_training` of the scenario before `export`.")
    with replaced_dir(Path(path)) as folder:
        write_into(folder, scenario, graphs, trainer_params, export_resources)


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
        for label, graph in graphs.items():
            name = (
                params.default_serve_dir if label == "default" else f"{params.additional_serve_dir}/{label}"
            )
            graph.save(str(folder / name))
    if params.export_net_config:
        description: Any = scenario.net_config()
        write_json(folder / params.net_config_filename, description.to_dict())
    name = params.trainer_params_filename if trainer_params else params.scenario_params_filename
    write_json(folder / name, content)


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

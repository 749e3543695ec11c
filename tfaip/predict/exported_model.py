"""An exported model as a function from the dict of inputs to the dict of outputs."""

import os
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tfaip.errors import DataError, StorageError
from tfaip.predict.export_folder import read_whole, saved_model_dir
from tfaip.predict.onnx_graph import SUFFIX, onnx_graph
from tfaip.scenario.export import called_by_name, input_specs

_SIGNATURE = "serving_default"


class ExportedModel:
    """A prediction graph: a SavedModel or an ONNX file that is loaded, or a Keras model that is at hand.

    Call it with a dict of batched arrays or tensors; it returns a dict of batched tensors with the names that
    the graph gave them. It may be called by several threads at once.

    Fields: `input_specs` are the inputs by name, `tf.TensorSpec`s with the batch axis.
    """

    def __init__(self, model: str | os.PathLike[str] | keras.Model, *, run_eagerly: bool = False) -> None:
        """Load or wrap `model`.

        Args:
            model: The folder of a SavedModel, such as `best/serve`, or of the export around it; Keras 2 may
                have written it. Or an ONNX file. Or a Keras model that takes a dict of inputs.
            run_eagerly: Run a Keras model in Python, so that a debugger stops in it; much slower.

        Raises:
            UsageError: If there is no export, or only a checkpoint.
            StorageError: If the export can not be read.
        """
        if isinstance(model, str | os.PathLike):
            self.input_specs, self._call, self._loaded = _loaded_file(Path(model).expanduser())
        else:
            self.input_specs, self._call, self._loaded = input_specs(model), _keras_call(model), model
        self.runs_eagerly = run_eagerly
        self._function = tf.function(self._call, input_signature=[self.input_specs], autograph=False)
        if not run_eagerly:
            # One trace for batches of any size. Here, because TensorFlow warns of traces in calls.
            self._function.get_concrete_function()

    def __call__(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the outputs by name.

        Args:
            inputs: Batched arrays or tensors by name; those that the graph does not take are left out.

        Raises:
            DataError: If an input is missing.
        """
        run = self._call if self.runs_eagerly else self._function
        return run(self.taken(inputs))

    def taken(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return those of the `inputs` that the graph takes.

        Raises:
            DataError: If one is missing.
        """
        try:
            return {key: inputs[key] for key in self.input_specs}
        except KeyError as error:
            raise DataError(
                f"The exported model needs the input `{error.args[0]}`: it takes {sorted(self.input_specs)}, "
                f"the samples have {sorted(inputs)}. Use the data of the scenario that was exported."
            ) from None

    @cached_property
    def output_specs(self) -> dict[str, tf.TensorSpec]:
        """The outputs by name, as far as the graph knows their shapes."""
        outputs: Any = self._function.get_concrete_function().structured_outputs
        return {key: tf.TensorSpec(x.shape, x.dtype, name=key) for key, x in outputs.items()}

    @cached_property
    def takes_blocks(self) -> bool:
        """Whether `on_block` works: the shapes of the outputs are the same for each batch of a size."""
        if self.runs_eagerly:
            return False
        shapes = [spec.shape for spec in self.output_specs.values()]
        return all(bool(shape.rank) and None not in shape.as_list()[1:] for shape in shapes)

    @cached_property
    def on_block(self) -> Callable[[dict[str, Any]], dict[str, Any]]:
        """The function of several batches at once, stacked along a new first axis.

        The batches are computed one after the other, so the numbers are those of single calls, but TensorFlow
        is entered once.
        """
        specs = {
            key: tf.TensorSpec([None, *s.shape], s.dtype, name=key) for key, s in self.input_specs.items()
        }

        def on_block(inputs: dict[str, Any]) -> Any:
            return tf.map_fn(
                self._function, inputs, fn_output_signature=self.output_specs, parallel_iterations=1
            )

        function = tf.function(on_block, input_signature=[specs], autograph=False)
        function.get_concrete_function()
        return function


def _keras_call(model: keras.Model) -> Callable[[Any], Any]:
    return lambda inputs: called_by_name(model, inputs)


def _loaded_file(path: Path) -> tuple[dict[str, tf.TensorSpec], Callable[[Any], Any], Any]:
    """Return what `_loaded_graph` does, of an ONNX file or of a SavedModel."""
    return onnx_graph(path) if path.suffix == SUFFIX else _loaded_graph(saved_model_dir(path))


def _loaded_graph(folder: Path) -> tuple[dict[str, tf.TensorSpec], Callable[[Any], Any], Any]:
    """Return the inputs of a SavedModel, the function from inputs to outputs, and what keeps it alive."""
    loaded: Any = read_whole(folder, lambda: _loaded(folder))
    signature = loaded.signatures.get(_SIGNATURE)
    if signature is None:
        raise StorageError(
            f"The SavedModel `{folder}` has no signature `{_SIGNATURE}`, so its inputs are unknown. "
            "Export it from a training of tfaip."
        )
    specs = dict(signature.structured_input_signature[1])
    return specs, _outermost_call(loaded, signature, specs), loaded


def _loaded(folder: Path) -> Any:
    try:
        return tf.saved_model.load(str(folder))
    except Exception as error:
        raise StorageError(
            f"The exported model `{folder}` can not be read: {type(error).__name__}: {error}"
        ) from error


def _outermost_call(loaded: Any, signature: Any, specs: dict[str, tf.TensorSpec]) -> Callable[[Any], Any]:
    """Return how to call the SavedModel so that its outputs have the names the graph gave them.

    The signature of what Keras 2 wrote calls them `root`, `root_1`, ...; the loaded object knows the names.
    """
    calls = (
        lambda inputs: loaded(inputs, training=False),
        lambda inputs: loaded(inputs),
        lambda inputs: loaded.serve(inputs),
    )
    for call in calls:
        try:
            outputs = tf.function(call, autograph=False).get_concrete_function(specs).structured_outputs
        except (TypeError, ValueError, AttributeError):
            continue
        if isinstance(outputs, dict):
            return call
    return lambda inputs: signature(**inputs)

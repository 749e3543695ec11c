"""An exported model as a function from the dict of inputs to the dict of outputs."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import keras
import tensorflow as tf

from tfaip.errors import DataError, StorageError, UsageError

R = TypeVar("R")

_SAVED_MODEL = "saved_model.pb"
_IN_CHECKPOINTS = ("variables", "variables.index", "trainer_params.json")
_SIGNATURE = "serving_default"
_ATTEMPTS = 40
_SECONDS_BETWEEN_ATTEMPTS = 0.05  # a training exchanges a folder within milliseconds


class ExportedModel:
    """A prediction graph: a SavedModel that is loaded, or a Keras model that is at hand.

    Call it with a dict of batched arrays or tensors; it returns a dict of batched tensors with the names that
    the graph gave them. It may be called by several threads at once.

    Fields: `input_specs` are the inputs by name, `tf.TensorSpec`s with the batch axis.
    """

    def __init__(self, model: str | os.PathLike[str] | keras.Model, *, run_eagerly: bool = False) -> None:
        """Load or wrap `model`.

        Args:
            model: The folder of a SavedModel, such as `best/serve`, or of the export around it; Keras 2 may
                have written it. Or a Keras model that takes a dict of inputs.
            run_eagerly: Run a Keras model in Python, so that a debugger stops in it; much slower.

        Raises:
            UsageError: If there is no export, or only a checkpoint.
            StorageError: If the export can not be read.
        """
        if isinstance(model, str | os.PathLike):
            self.input_specs, self._call, self._loaded = _loaded_graph(saved_model_dir(model))
        else:
            self.input_specs, self._call, self._loaded = keras_input_specs(model), _keras_call(model), model
        self._run = self._call
        if not run_eagerly:
            # One trace for batches of any size.
            self._run = tf.function(self._call, input_signature=[self.input_specs], autograph=False)

    def __call__(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the outputs by name.

        Args:
            inputs: Batched arrays or tensors by name; those that the graph does not take are left out.

        Raises:
            DataError: If an input is missing.
        """
        try:
            taken = {key: inputs[key] for key in self.input_specs}
        except KeyError as error:
            raise DataError(
                f"The exported model needs the input `{error.args[0]}`: it takes {sorted(self.input_specs)}, "
                f"the samples have {sorted(inputs)}. Use the data of the scenario that was exported."
            ) from None
        return self._run(taken)


def saved_model_dir(path: str | os.PathLike[str]) -> Path:
    """Return the folder of the SavedModel that `path` is or holds.

    Raises:
        UsageError: If there is none; it says what is there instead.
    """
    folder = Path(path).expanduser()
    for candidate in (folder, folder / "serve"):
        if (candidate / _SAVED_MODEL).is_file() or _is_being_exchanged(candidate):
            return candidate
    if any((folder / name).exists() for name in _IN_CHECKPOINTS):
        output_dir = folder.parent if (folder / "variables.index").exists() else folder
        raise UsageError(
            f"`{folder}` holds a checkpoint of a training, not an exported model. "
            f"Give `{output_dir / 'best'}` or `{output_dir / 'export'}`, which the training exports."
        )
    if not folder.exists():
        raise UsageError(f"There is no exported model `{folder}`. Give the folder of an export.")
    raise UsageError(
        f"There is no `{_SAVED_MODEL}` in `{folder}`, so it is no exported model. "
        "Give a folder such as `best` or `export` of a training."
    )


def keras_input_specs(model: keras.Model) -> dict[str, tf.TensorSpec]:
    """Return the inputs of a Keras model by name, with batch axis."""
    inputs = model.input
    named = inputs if isinstance(inputs, dict) else {x.name: x for x in keras.tree.flatten(inputs)}
    return {key: tf.TensorSpec(x.shape, x.dtype, name=key) for key, x in named.items()}


def _keras_call(model: keras.Model) -> Callable[[Any], Any]:
    return lambda inputs: _named(model(inputs, training=False))


def _loaded_graph(folder: Path) -> tuple[dict[str, tf.TensorSpec], Callable[[Any], Any], Any]:
    """Return the inputs of a SavedModel, the function from inputs to outputs, and what keeps it alive."""
    loaded: Any = _read_whole(folder, lambda: tf.saved_model.load(str(folder)))
    signature = loaded.signatures.get(_SIGNATURE)
    if signature is None:
        raise StorageError(
            f"The SavedModel `{folder}` has no signature `{_SIGNATURE}`, so its inputs are unknown. "
            "Export it from a training of tfaip."
        )
    specs = dict(signature.structured_input_signature[1])
    return specs, _outermost_call(loaded, signature, specs), loaded


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


def _named(outputs: Any) -> dict[str, Any]:
    return outputs if isinstance(outputs, dict) else {"output": outputs}


def _read_whole(folder: Path, read: Callable[[], R]) -> R:
    """Return what `read` reads of `folder`, all of it from one export.

    A training may put a better export in the place of `folder` at any moment; then it is read again.
    """
    for attempt in range(_ATTEMPTS):
        before = _identity(folder)
        try:
            result = read()
        except Exception as error:
            if (before is not None and before == _identity(folder)) or attempt == _ATTEMPTS - 1:
                raise StorageError(
                    f"The exported model `{folder}` can not be read: {type(error).__name__}: {error}"
                ) from error
        else:
            if before is not None and before == _identity(folder):
                return result
        time.sleep(_SECONDS_BETWEEN_ATTEMPTS)
    raise StorageError(
        f"The exported model `{folder}` was exchanged {_ATTEMPTS} times while it was read. Try again later."
    )


def _identity(folder: Path) -> tuple[int, ...] | None:
    """Return what differs between two exports at the same place; None while there is none."""
    try:
        stats = [folder.stat(), (folder / _SAVED_MODEL).stat()]
    except OSError:
        return None
    # A new folder may get the inode of one that was removed.
    return tuple(number for s in stats for number in (s.st_dev, s.st_ino, s.st_mtime_ns))


def _is_being_exchanged(folder: Path) -> bool:
    """Return whether a training has just moved the old export aside, before the new one takes its place."""
    return any((path.with_name(f".{path.name}.old")).exists() for path in (folder, folder.parent))

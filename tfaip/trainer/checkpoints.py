"""Save and restore weights, optimizer and state; never leave half a checkpoint.

A checkpoint is a folder `variables` with a TensorFlow tensor bundle `variables.*` and `state.json`, which is
written beside, flushed, and renamed as a whole. The state in it is what counts on a resume: the
`trainer_params.json` beside it is written afterwards and may be one epoch behind after a kill.
"""

import contextlib
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfaip.errors import NonFiniteError, StorageError
from tfaip.files import parse_json, recover_dir, replaced_dir, write_json
from tfaip.model.finite import FiniteWeights
from tfaip.model.training_model import TrainingModel
from tfaip.scenario.weight_names import weight_names
from tfaip.trainer.optimizer.grouped import optimizer_name
from tfaip.trainer.state import TrainerState
from tfaip.version import __version__

logger = logging.getLogger(__name__)

FOLDER = "variables"
BUNDLE = "variables"
STATE = "state.json"
FORMAT = 1
_SHOWN = 5  # names in a message


class CheckpointWriter:
    """Writes a checkpoint in two moments: the weights early in the end of an epoch, the state late.

    Between the two the model may hold averaged weights, be validated and exported; the checkpoint holds what
    was captured, and becomes visible with the state.
    """

    def __init__(self, model: TrainingModel):
        self._model = model
        self._captured: dict[str, np.ndarray] | None = None
        self._finite = FiniteWeights(list(named_tensors(model).values()))

    def capture(self) -> None:
        """Keep the weights and the optimizer as they are now.

        Raises:
            NonFiniteError: They hold NaN or infinity; then nothing will be written.
        """
        captured = {name: np.asarray(v) for name, v in named_tensors(self._model).items()}
        spoiled = self._finite.spoiled(list(captured), list(captured.values()))
        if spoiled:
            more = f" and {len(spoiled) - _SHOWN} more" if len(spoiled) > _SHOWN else ""
            names = ", ".join(spoiled[:_SHOWN])
            raise NonFiniteError(
                f"There are NaN or infinite numbers in {names}{more}; nothing is saved. "
                "Set a smaller `--learning_rate.lr`, or bound the gradient with "
                "`--optimizer.global_clip_norm`."
            )
        self._captured = captured

    def commit(self, folder: Path, state: TrainerState) -> bool:
        """Write what was captured, with `state`, to `folder/variables`; return whether there was anything."""
        if self._captured is None:
            return False
        with replaced_dir(folder / FOLDER) as new:
            _write_bundle(new, self._captured)
            description = {
                "format": FORMAT,
                "tfaip_version": __version__,
                "optimizer": _optimizer_name(self._model),
                "trained": canonical_names(self._model.trained_variables),
                "weights": _names_of_weights(self._model),
                "state": state.to_dict(),
            }
            write_json(new / STATE, description)
        self._captured = None
        return True


def restore(model: TrainingModel, folder: Path) -> TrainerState:
    """Put the checkpoint in `folder/variables` into `model`, and return the state of the training.

    Raises:
        StorageError: There is no checkpoint, it cannot be read, or it does not fit the model; then nothing is
            changed.
    """
    path = folder / FOLDER
    recover_dir(path)
    description = _read_description(path)
    variables = named_tensors(model)
    tensors = _read_bundle(path)
    _check_same_optimizer(description, model, path)
    _check_same_tensors(variables, tensors, path)
    _check_same_order(description, model, path)
    for name, variable in variables.items():
        variable.assign(tensors[name])
    return TrainerState.from_dict(description["state"])


def named_tensors(model: TrainingModel) -> dict[str, tf.Variable]:
    """Return all that a checkpoint holds by name: weights and seed states, optimizer, averages, gradients."""
    named: dict[str, Any] = {}
    variables = model.root.variables
    for name, variable in zip(canonical_names(variables), variables, strict=True):
        named[f"model/{name}"] = variable.value
    for index, variable in enumerate(model.optimizer.variables):
        named[f"optimizer/{index:05d}"] = variable.value
    if model.weight_average is not None:
        for index, average in enumerate(model.weight_average.averages):
            named[f"average/{index:05d}"] = average
    for index, variable in enumerate(model.guard.variables):
        named[f"guard/{index:05d}"] = variable
    if model.accumulation is not None:
        for index, variable in enumerate(model.accumulation.variables):
            named[f"accumulation/{index:05d}"] = variable
    return named


def canonical_names(variables: list[keras.Variable]) -> list[str]:
    """Return names that do not depend on how many layers a process has made before.

    Keras counts automatic names up in a process (`dense`, `dense_1`, ...). Here the numbers of names that
    differ only in them, below the same parent, are replaced by their rank: 0, 1, ... Equal names are told
    apart by `#1`, `#2`, ...
    """
    paths = [variable.path.split("/") for variable in variables]
    ranked = [tuple(parts) for parts in paths]
    for depth in range(max((len(parts) for parts in paths), default=0)):
        ranked = _ranked_at(depth, ranked)
    return _numbered(["/".join(parts) for parts in ranked])


def _ranked_at(depth: int, paths: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    siblings: dict[tuple[Any, ...], set[int]] = {}
    for parts in paths:
        if depth < len(parts):
            base, number = _split_number(parts[depth])
            siblings.setdefault((*parts[:depth], base), set()).add(number)
    result = []
    for parts in paths:
        if depth < len(parts):
            base, number = _split_number(parts[depth])
            rank = sorted(siblings[(*parts[:depth], base)]).index(number)
            name = f"{base}_{rank}" if rank else base
            parts = (*parts[:depth], name, *parts[depth + 1 :])
        result.append(parts)
    return result


def _split_number(name: str) -> tuple[str, int]:
    match = re.fullmatch(r"(.*)_(\d+)", name)
    return (match[1], int(match[2])) if match else (name, -1)


def _numbered(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    result = []
    for name in names:
        count = seen[name] = seen.get(name, -1) + 1
        result.append(f"{name}#{count}" if count else name)
    return result


def _names_of_weights(model: TrainingModel) -> dict[str, str]:
    """Return the canonical names of the weights by their full names, which a warm start matches."""
    canonical = dict(zip(map(id, model.root.variables), canonical_names(model.root.variables), strict=True))
    weights = model.root.weights
    return {
        name: canonical[id(weight)] for name, weight in zip(weight_names(model.root), weights, strict=True)
    }


def _optimizer_name(model: TrainingModel) -> str:
    return optimizer_name(model.optimizer)


def _write_bundle(folder: Path, tensors: dict[str, np.ndarray]) -> None:
    names = list(tensors)
    try:
        tf.raw_ops.SaveV2(
            prefix=str(folder / BUNDLE),
            tensor_names=names,
            shape_and_slices=[""] * len(names),
            tensors=[tensors[name] for name in names],
        )
    except tf.errors.OpError as error:
        raise StorageError(
            f"Could not write the checkpoint `{folder.parent / FOLDER}`: {_first_line(error)}. The one "
            "before is unchanged. Make room or choose another `--trainer.output_dir`."
        ) from error


def _read_bundle(path: Path) -> dict[str, np.ndarray]:
    with _damage_reported(path):
        reader = tf.train.load_checkpoint(str(path / BUNDLE))
        return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def _read_description(path: Path) -> dict[str, Any]:
    if not path.is_dir():
        raise StorageError(
            f"There is no checkpoint `{path}` to resume from. Give the output folder of a training that has "
            "finished an epoch, with `--trainer.write_checkpoints True`."
        )
    with _damage_reported(path):
        description = parse_json((path / STATE).read_text(encoding="utf-8"))
    if description["format"] > FORMAT:
        raise StorageError(
            f"The checkpoint `{path}` has format {description['format']}, this version of tfaip reads up to "
            f"{FORMAT}. Resume with tfaip {description.get('tfaip_version', 'newer')}."
        )
    return description


@contextlib.contextmanager
def _damage_reported(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, LookupError, RuntimeError, tf.errors.OpError) as error:
        raise StorageError(
            f"The checkpoint `{path}` is damaged: {type(error).__name__}: {_first_line(error)}. Nothing was "
            "changed. Restore the folder from a copy, or start anew in another `--trainer.output_dir`."
        ) from error


def _check_same_optimizer(description: dict[str, Any], model: TrainingModel, path: Path) -> None:
    if description["optimizer"] != _optimizer_name(model):
        raise StorageError(
            f"The checkpoint `{path}` was written with the optimizer {description['optimizer']}, now it is "
            f"{_optimizer_name(model)}, whose state it does not hold. Resume with the same `--optimizer`."
        )


def _check_same_tensors(
    variables: dict[str, tf.Variable], tensors: dict[str, np.ndarray], path: Path
) -> None:
    missing = sorted(set(variables) - set(tensors))
    unexpected = sorted(set(tensors) - set(variables))
    changed = [
        f"{name} {tuple(tensors[name].shape)} -> {tuple(variable.shape)}"
        for name, variable in variables.items()
        if name in tensors and tuple(tensors[name].shape) != tuple(variable.shape)
    ]
    found = {"missing": missing, "unexpected": unexpected, "another shape": changed}
    problems = [f"{what}: {', '.join(names)}" for what, names in found.items() if names]
    if problems:
        raise StorageError(
            f"The checkpoint `{path}` does not fit the model; nothing was loaded. {'; '.join(problems)}. "
            "Resume with the parameters of the model that wrote it."
        )


def _check_same_order(description: dict[str, Any], model: TrainingModel, path: Path) -> None:
    """The optimizer's state is stored in the order of the trained weights."""
    if description["trained"] != canonical_names(model.trained_variables):
        raise StorageError(
            f"The checkpoint `{path}` was written while other layers were trained; nothing was loaded. "
            "Resume with the same `--trainer.no_train_scope` and model."
        )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]

"""Save and restore weights, optimizer and state; never leave half a checkpoint.

A checkpoint is a folder with a TensorFlow tensor bundle `variables.*`, `state.json`, `trainer_params.json`
and a manifest, see `generations`. Its state is what counts on a resume: the `trainer_params.json` of the
training is written afterwards and may be one epoch behind after a kill.
"""

import contextlib
import functools
import logging
import re
import shutil
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfaip.errors import NonFiniteError, StorageError, UsageError
from tfaip.files import (
    json_text,
    parse_json,
    path_without_patterns,
    recover_dir,
    remove_temporary,
    write_text,
)
from tfaip.model.finite import FiniteWeights
from tfaip.model.training_model import TrainingModel
from tfaip.scenario.weight_names import weight_names
from tfaip.trainer import generations
from tfaip.trainer.generations import DamagedError
from tfaip.trainer.optimizer.grouped import optimizer_name
from tfaip.trainer.state import TrainerState
from tfaip.version import __version__

logger = logging.getLogger(__name__)

FOLDER = generations.LINK
BUNDLE = "variables"
STATE = generations.STATE
_SHOWN = 5  # names in a message


class CheckpointWriter:
    """Writes a checkpoint in two moments: the weights early in the end of an epoch, the state late.

    Between the two the model may hold averaged weights, be validated and exported; the checkpoint holds what
    was captured, and becomes visible with the state. The files are written by a thread beside the training;
    what goes wrong in it is raised by the next `commit`, or by `wait`.

    Args:
        model: What is saved.
        keep: Checkpoints that are kept in a folder, beside the one of the best epoch.
        folders: Returns all folders in which the training has checkpoints.

    Attributes:
        run: The id of the training; a resumed one has that of its checkpoint.
        damaged: Checkpoints that were found to be damaged; they go when there is a new one.
    """

    def __init__(
        self,
        model: TrainingModel,
        *,
        keep: int = 2,
        folders: Callable[[], Sequence[Path]] | None = None,
    ):
        self.run = uuid.uuid4().hex[:12]
        self.damaged: Collection[Path] = ()
        self._model = model
        self._keep = keep
        self._folders = folders
        self._captured: dict[str, np.ndarray] | None = None
        self._finite = FiniteWeights(list(named_tensors(model).values()))
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._running: Future[None] | None = None

    @property
    def size(self) -> int:
        """About how many bytes a checkpoint has."""
        return sum(np.asarray(variable).nbytes for variable in named_tensors(self._model).values())

    def capture(self, *, within_epoch: bool = False) -> None:
        """Keep the weights and the optimizer as they are now; within an epoch also what metrics have counted.

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
        if within_epoch:
            captured |= {name: np.asarray(v) for name, v in running_tensors(self._model).items()}
        self._captured = captured

    def commit(self, folder: Path, state: TrainerState, files: Mapping[str, Any] | None = None) -> bool:
        """Begin to write what was captured, with `state`; return whether there was anything.

        Args:
            folder: Where `checkpoints/<number>-epoch-<n>` and the link `variables` will be.
            state: It belongs to what was captured.
            files: JSON by file name, which is stored in the checkpoint and, after it, beside it.
        """
        self.wait()
        if self._captured is None:
            return False
        texts = {name: json_text(content) for name, content in (files or {}).items()}
        texts[STATE] = json_text(self._description(state))
        work = functools.partial(self._write, folder, self._captured, texts, state)
        self._captured = None
        self._running = self._thread.submit(work)
        return True

    def wait(self) -> None:
        """Return when nothing is being written.

        Raises:
            StorageError: The last checkpoint could not be written.
        """
        running, self._running = self._running, None
        if running is not None:
            running.result()

    def _description(self, state: TrainerState) -> dict[str, Any]:
        return {
            "format": generations.FORMAT,
            "tfaip_version": __version__,
            "optimizer": _optimizer_name(self._model),
            "trained": canonical_names(self._model.trained_variables),
            "weights": _names_of_weights(self._model),
            "state": state.to_dict(),
        }

    def _write(
        self, folder: Path, tensors: dict[str, np.ndarray], texts: dict[str, str], state: TrainerState
    ) -> None:
        size = sum(tensor.nbytes for tensor in tensors.values()) + sum(map(len, texts.values()))

        def write(new: Path) -> None:
            _write_bundle(new, tensors)
            for name, text in texts.items():
                (new / name).write_text(text, encoding="utf-8")

        folders = [folder] if self._folders is None else self._folders()
        with _write_reported(folder, size):
            path = generations.commit(
                folder,
                write,
                serial=generations.next_serial(folders),
                epoch=state.epoch + (state.step > 0),
                step=state.step,
                facts={"run": self.run, **self._judged(state, generations.newest_facts(folders))},
            )
            for name, text in texts.items():
                if name != STATE:
                    write_text(folder / name, text)
                    remove_temporary(folder / name)
        logger.debug("Saved the checkpoint %s", path)
        generations.prune(folder, keep=self._keep, run=self.run, damaged=self.damaged)

    def _judged(self, state: TrainerState, newest: dict[str, Any]) -> dict[str, Any]:
        """Return whether the epoch of `state` is the best so far: its value is a new one."""
        best = state.best.current
        before = newest.get("best") if newest.get("run") == self.run else None
        return {"best": best, "is_best": best is not None and best != before and state.best.n == 1}


class Restored(NamedTuple):
    """What was put into a model.

    Attributes:
        state: The state of the training.
        path: The checkpoint.
        run: The id of the training; empty if an older version wrote it.
        damaged: Newer checkpoints that could not be used.
    """

    state: TrainerState
    path: Path
    run: str
    damaged: tuple[Path, ...]


def restore(model: TrainingModel, *folders: Path) -> Restored:
    """Put the newest checkpoint in `folders` that is not damaged into `model`.

    Args:
        model: What is restored.
        folders: Folders with `checkpoints`, or a single checkpoint.

    Raises:
        StorageError: There is no checkpoint, all are damaged, or it does not fit the model; then nothing is
            changed.
    """
    if len(folders) == 1 and generations.is_generation(folders[0]):
        found = [generations.Generation(0, folders[0])]
    else:
        for folder in folders:
            recover_dir(folder / FOLDER)  # older versions exchanged it in two steps
        found = generations.generations(folders)
    for path in (path for folder in folders for path in generations.incomplete(folder)):
        logger.warning("Ignored the incomplete checkpoint `%s`.", path)
    problems: dict[generations.Generation, str] = {}
    for one in found:
        try:
            run, description, tensors = _read(one.path)
        except DamagedError as error:
            problems[one] = str(error)
            continue
        for damaged, reason in problems.items():
            logger.warning("The checkpoint %s is damaged: %s; using %s.", damaged.name, reason, one.name)
        _put(model, one.path, description, tensors)
        state = TrainerState.from_dict(description["state"])
        return Restored(state, one.path, run, tuple(damaged.path for damaged in problems))
    raise _nothing_to_restore(folders, problems)


def _nothing_to_restore(folders: Sequence[Path], problems: dict[generations.Generation, str]) -> StorageError:
    where = ", ".join(f"`{folder}`" for folder in folders)
    if not problems:
        return StorageError(
            f"There is no checkpoint in {where} to resume from. Give the output folder of a training that "
            "has finished an epoch, with `--trainer.write_checkpoints True`."
        )
    listed = "; ".join(f"{one.name}: {reason}" for one, reason in problems.items())
    return StorageError(
        f"All checkpoints in {where} are damaged: {listed}. Nothing was changed. Restore one from a copy, or "
        "start anew in another `--trainer.output_dir`."
    )


def _read(path: Path) -> tuple[str, dict[str, Any], dict[str, np.ndarray]]:
    """Return the run, the description and the tensors of a checkpoint, after its digests were checked."""
    is_numbered = (path / generations.MANIFEST).exists() or path.parent.name == generations.STORE
    run = generations.check_digests(path)["run"] if is_numbered else ""
    try:
        description = parse_json((path / STATE).read_text(encoding="utf-8"))
        number, version = description["format"], description.get("tfaip_version", "newer")
        generations.refuse_newer(path, number, version)
        return run, description, _read_bundle(path)
    except UsageError:
        raise
    except (OSError, ValueError, LookupError, RuntimeError, TypeError, tf.errors.OpError) as error:
        raise DamagedError(f"{type(error).__name__}: {_first_line(error)}") from error


def _put(
    model: TrainingModel, path: Path, description: dict[str, Any], tensors: dict[str, np.ndarray]
) -> None:
    """Load a checkpoint if it fits, all or nothing."""
    is_within_epoch = description["state"].get("step", 0) > 0
    variables = named_tensors(model) | (running_tensors(model) if is_within_epoch else {})
    _check_same_optimizer(description, model, path)
    _check_same_tensors(variables, tensors, path)
    _check_same_order(description, model, path)
    for name, variable in variables.items():
        variable.assign(tensors[name])


def running_tensors(model: TrainingModel) -> dict[str, tf.Variable]:
    """Return what a checkpoint within an epoch holds besides, by name: sums of metrics and gradient norms.

    They may hold NaN, as metrics do.
    """
    counted = [*model.metric_variables, *model.guard.epoch_variables]
    return {f"running/{index:05d}": variable for index, variable in enumerate(counted)}


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
    with tf.device("CPU"):
        tf.raw_ops.SaveV2(
            prefix=str(folder / BUNDLE),
            tensor_names=names,
            shape_and_slices=[""] * len(names),
            tensors=[tensors[name] for name in names],
        )


@contextlib.contextmanager
def _write_reported(folder: Path, size: int) -> Iterator[None]:
    try:
        yield
    except StorageError:
        raise
    except (OSError, tf.errors.OpError) as error:
        raise StorageError(
            f"Could not write a checkpoint of {in_words(size)} to `{folder / generations.STORE}`, where "
            f"{in_words(_free(folder))} are free: {_first_line(error)}. The one before is unchanged. Make "
            "room, then go on with the training."
        ) from error


def _free(folder: Path) -> int:
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(existing).free


def in_words(size: float) -> str:
    """Return a number of bytes for people."""
    for unit in ("bytes", "KB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"


def _read_bundle(path: Path) -> dict[str, np.ndarray]:
    with path_without_patterns(path) as plain:
        reader = tf.train.load_checkpoint(str(plain / BUNDLE))
        return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def _check_same_optimizer(description: dict[str, Any], model: TrainingModel, path: Path) -> None:
    if description["optimizer"] != _optimizer_name(model):
        raise UsageError(
            f"The checkpoint `{path}` was written with the optimizer {description['optimizer']}, now it is "
            f"{_optimizer_name(model)}, whose state it does not hold. Resume with the same `--optimizer`."
        )


def _check_same_tensors(
    variables: dict[str, tf.Variable], tensors: dict[str, np.ndarray], path: Path
) -> None:
    missing = sorted(set(variables) - set(tensors))
    unexpected = sorted(set(tensors) - set(variables))
    both = [(name, tensors[name], variable) for name, variable in variables.items() if name in tensors]
    changed = [
        f"{name} {tuple(tensor.shape)} -> {tuple(variable.shape)}"
        for name, tensor, variable in both
        if tuple(tensor.shape) != tuple(variable.shape)
    ]
    retyped = [
        f"{name} {tensor.dtype} -> {variable.dtype.name}"
        for name, tensor, variable in both
        if tensor.dtype != variable.dtype.as_numpy_dtype
    ]
    found = {"missing": missing, "unexpected": unexpected, "another shape": changed, "another type": retyped}
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
    """Return what happened, without what TensorFlow says of its own insides."""
    line = (str(error).splitlines() or [type(error).__name__])[0]
    return re.sub(r"\{\{[^}]*\}\} | \[Op:\w+\]", "", line)[:300]

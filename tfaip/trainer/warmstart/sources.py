"""From a path to the weights in it."""

from collections.abc import Callable
from pathlib import Path

from tfaip.errors import UsageError
from tfaip.trainer import checkpoints
from tfaip.trainer.warmstart import keras_files, tensor_bundles
from tfaip.trainer.warmstart.loaded_weights import LoadedWeights

_SAVED_MODEL = "saved_model.pb"
_SERVE = "serve"

Reader = Callable[[], LoadedWeights]


def open_weights(path: str, given: str) -> LoadedWeights:
    """Return the weights at `path`, of which messages say that it was `given`; `~` is the home folder.

    Raises:
        UsageError: There is nothing that holds weights.
        StorageError: The file is damaged.
        UntrustedError: The file carries code, or points out of itself.
    """
    place = Path(path).expanduser()
    reader = _reader_of_folder(place) if place.is_dir() else _reader_of_file(place)
    if reader is None:
        what = "holds no weights" if place.exists() else "does not exist"
        raise UsageError(
            f"`{given}` {what}. Give the folder of an export (`run/best`, `run/export`) or its `serve`, the "
            "`--trainer.output_dir` of a training that has finished an epoch, a SavedModel, the prefix of a "
            "TensorFlow checkpoint, or a `.weights.h5`, `.keras` or `.h5` file."
        )
    return reader()


def _reader_of_folder(folder: Path) -> Reader | None:
    """Return what reads the folder; a training's own checkpoint comes before the exports beside it."""
    for inside in (folder / checkpoints.FOLDER, folder):
        if (inside / checkpoints.STATE).is_file():
            return lambda: tensor_bundles.read_own_checkpoint(inside)
    for inside in (folder, folder / _SERVE):
        if (inside / _SAVED_MODEL).is_file():
            return lambda: tensor_bundles.read_saved_model(inside)
    if (folder / keras_files.WEIGHTS).is_file():
        return lambda: keras_files.read_keras_file(folder)
    for prefix in (folder / checkpoints.FOLDER / checkpoints.BUNDLE, folder / checkpoints.BUNDLE):
        if _is_bundle(prefix):
            return lambda: tensor_bundles.read_tf_checkpoint(prefix)
    return None


def _reader_of_file(path: Path) -> Reader | None:
    if path.is_file() and path.suffix in keras_files.SUFFIXES:
        return lambda: keras_files.read_keras_file(path)
    prefix = path.with_suffix("") if path.suffix == ".index" else path
    if not _is_bundle(prefix):
        return None
    if (prefix.parent / checkpoints.STATE).is_file():
        return lambda: tensor_bundles.read_own_checkpoint(prefix.parent)
    return lambda: tensor_bundles.read_tf_checkpoint(prefix)


def _is_bundle(prefix: Path) -> bool:
    return prefix.with_name(f"{prefix.name}.index").is_file()

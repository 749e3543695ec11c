"""Where a SavedModel lies, and how to read it while a training exchanges it."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from tfaip.errors import StorageError, UsageError

R = TypeVar("R")

_SAVED_MODEL = "saved_model.pb"
_WEIGHTS = Path("variables") / "variables.index"
_SERVE = "serve"
_IN_CHECKPOINTS = ("variables", "variables.index", "trainer_params.json")
_ATTEMPTS = 40
_SECONDS_BETWEEN_ATTEMPTS = 0.05  # a training exchanges a folder within milliseconds


def saved_model_dir(path: str | os.PathLike[str], *, serve_dir: str = _SERVE) -> Path:
    """Return the folder of the SavedModel that `path` is or holds.

    Args:
        path: The folder of a SavedModel, or of the export around it.
        serve_dir: The name of the folder of a SavedModel in an export.

    Raises:
        UsageError: If there is none; it says what is there instead.
    """
    folder = Path(path).expanduser()
    return read_whole(folder, lambda: _find_saved_model(folder, serve_dir))


def read_whole(folder: Path, read: Callable[[], R]) -> R:
    """Return what `read` reads of `folder`, an export or its SavedModel, all of it from one export.

    A training may put a better export in the place of `folder` at any moment; then it is read again. Errors
    of `read` are raised unless they come from that.

    Raises:
        StorageError: If the folder does not come to rest.
    """
    for _ in range(_ATTEMPTS):
        before = _identity(folder)
        try:
            result = read()
        except Exception:
            if _is_at_rest(folder, before):
                raise
        else:
            if _is_at_rest(folder, before):
                return result
        time.sleep(_SECONDS_BETWEEN_ATTEMPTS)
    if _identity(folder) is None:
        raise StorageError(
            f"The export `{folder}` is missing, but there is one that was moved aside: a training was killed "
            "while it exported. Resume the training, or rename the hidden folder that ends in `.old`."
        )
    raise StorageError(
        f"The export `{folder}` could not be read in {_ATTEMPTS} attempts, for it was exchanged each time. "
        "Copy it, or wait until the training that writes it is done."
    )


def _find_saved_model(folder: Path, serve_dir: str) -> Path:
    for candidate in (folder, folder / serve_dir):
        if (candidate / _SAVED_MODEL).is_file():
            if not (candidate / _WEIGHTS).is_file():
                raise UsageError(
                    f"`{candidate}` is but a part of an export: it has a `{_SAVED_MODEL}` and no "
                    f"`{_WEIGHTS}`. Copy the whole folder again."
                )
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


def _is_at_rest(folder: Path, before: Any) -> bool:
    if before is None and _is_being_exchanged(folder):
        return False
    return before == _identity(folder)


def _identity(folder: Path) -> Any:
    """Return what differs between two exports at the same place; None while there is none."""
    try:
        stats = {".": folder.stat()}
        if folder.is_dir():
            with os.scandir(folder) as entries:
                stats |= {entry.name: entry.stat() for entry in entries}
    except OSError:
        return None
    # A new folder may get the inode of one that was removed, and copies the times of their originals.
    return {name: (stat.st_dev, stat.st_ino, stat.st_ctime_ns) for name, stat in stats.items()}


def _is_being_exchanged(folder: Path) -> bool:
    """Return whether a training has just moved the old export aside, before the new one takes its place."""
    here = folder.absolute()
    return any((path.parent / f".{path.name}.old").exists() for path in (here, here.parent))

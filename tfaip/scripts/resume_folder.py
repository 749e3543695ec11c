"""Which folder does a resumed training go on in?"""

import os
from pathlib import Path
from typing import Optional

from tfaip.errors import UsageError
from tfaip.scenario.params_files import TRAINER_PARAMS
from tfaip.trainer import generations
from tfaip.trainer.params import TrainerParams


def folder_to_resume(path: Path, stored: TrainerParams) -> str:
    """Return the `output_dir` of the training at `path`, which may have been moved since it was written.

    If `path` is one checkpoint of several, `stored` is told to go on from it.

    Args:
        path: A folder with checkpoints, one of them, or a parameter file. A file that lies elsewhere names
            its folder.
        stored: The params there.

    Raises:
        UsageError: If there is no checkpoint.
    """
    here = path if path.is_dir() else path.parent
    if here.absolute().parent.name == generations.STORE and generations.is_generation(here):
        return _folder_of_one(here.absolute(), stored)
    there = Path(stored.output_dir or here, stored.saved_checkpoint_sub_dir)
    if _has_checkpoint(here):
        return str(stored.output_dir) if _same(here, there) else _without_end(here, stored)
    if path.is_dir() or not _has_checkpoint(there):
        raise UsageError(
            f"There is no checkpoint `{here / generations.LINK}`. Give the output_dir of a training that has "
            "finished an epoch, with `--trainer.write_checkpoints True`."
        )
    return str(stored.output_dir)


def params_to_resume(path: Path) -> Path:
    """Return where to read the params of a training: `path`, or its newest checkpoint if they are missing.

    A kill right after the very first checkpoint leaves it alone; later it may be lost with a file system.
    """
    if not path.is_dir() or (path / TRAINER_PARAMS).exists():
        return path
    found = [one.path for one in generations.generations([path])]
    return next((one for one in found if (one / TRAINER_PARAMS).is_file()), path)


def check_same_folder(output_dir: Optional[str], params: TrainerParams) -> None:
    """Raise if flags gave a resumed training another `output_dir`."""
    if params.output_dir != output_dir:
        raise UsageError(
            f"`--trainer.output_dir {params.output_dir}` can not be given on a resume, which goes on in "
            f"`{output_dir}`. To keep that as it is, copy it, and resume the copy."
        )


def _folder_of_one(checkpoint: Path, stored: TrainerParams) -> str:
    output_dir = _without_end(checkpoint.parents[1], stored)
    stored.saved_checkpoint_sub_dir = os.path.relpath(checkpoint, output_dir)
    return output_dir


def _has_checkpoint(folder: Path) -> bool:
    # The last name is where older versions kept the old checkpoint while a new one took its place.
    names = (generations.LINK, f".{generations.LINK}.old")
    return bool(generations.generations([folder])) or any((folder / name).is_dir() for name in names)


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def _without_end(folder: Path, stored: TrainerParams) -> str:
    """Return `folder` without the sub-folder of the checkpoint that it ends with."""
    end = Path(stored.saved_checkpoint_sub_dir).parts
    if not end:
        return str(folder)
    folder = folder.absolute()
    if folder.parts[-len(end) :] != end:
        raise UsageError(
            f"The checkpoint in `{folder}` was `{stored.saved_checkpoint_sub_dir}` below its output_dir. "
            "Put it back into a folder of that name."
        )
    return str(folder.parents[len(end) - 1])

"""Which folder does a resumed training go on in?"""

from pathlib import Path
from typing import Optional

from tfaip.errors import UsageError
from tfaip.trainer.params import TrainerParams

_CHECKPOINT = "variables"  # the folder in which a training keeps its weights


def folder_to_resume(path: Path, stored: TrainerParams) -> str:
    """Return the `output_dir` of the training at `path`, which may have been moved since it was written.

    Args:
        path: A folder with a checkpoint, or a parameter file. A file that lies elsewhere names its folder.
        stored: The params there.

    Raises:
        UsageError: If there is no checkpoint.
    """
    here = path if path.is_dir() else path.parent
    there = Path(stored.output_dir or here, stored.saved_checkpoint_sub_dir)
    if _has_checkpoint(here):
        return str(stored.output_dir) if _same(here, there) else _without_end(here, stored)
    if path.is_dir() or not _has_checkpoint(there):
        raise UsageError(
            f"There is no checkpoint `{here / _CHECKPOINT}`. Give the output_dir of a training that has "
            "finished an epoch, with `--trainer.write_checkpoints True`."
        )
    return str(stored.output_dir)


def check_same_folder(output_dir: Optional[str], params: TrainerParams) -> None:
    """Raise if flags gave a resumed training another `output_dir`."""
    if params.output_dir != output_dir:
        raise UsageError(
            f"`--trainer.output_dir {params.output_dir}` can not be given on a resume, which goes on in "
            f"`{output_dir}`. To keep that as it is, copy it, and resume the copy."
        )


def _has_checkpoint(folder: Path) -> bool:
    # The second name is that of the last checkpoint for the instant in which a new one takes its place.
    return any((folder / name).is_dir() for name in (_CHECKPOINT, f".{_CHECKPOINT}.old"))


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

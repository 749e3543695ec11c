"""`tfaip-resume-training FOLDER [flags]`: go on with a training from its last checkpoint."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfaip.errors import UsageError

if TYPE_CHECKING:
    from tfaip.trainer.params import TrainerParams

_CHECKPOINT = "variables"  # the folder in which a training keeps its weights


def main(args: Sequence[str] | None = None) -> Any:
    """Go on with a training and return the logs of the last epoch.

    Args:
        args: The folder or `trainer_params.json` of the training, then flags; `None`: those of this process.

    Raises:
        UsageError: If there is no such training, or a flag is wrong; then nothing was written.
    """
    from tfaip.scripts.arguments import Command

    command = Command(
        program="tfaip-resume-training",
        operand="FOLDER",
        summary="Go on with a training from its last checkpoint. Flags change its parameters.",
        operand_help="the output_dir of the training, or the trainer_params.json in it",
        example="tfaip-resume-training run --trainer.epochs 20",
    )
    path, flags = command.split(args)

    from tfaip.scenario.discovery import search_working_directory
    from tfaip.scenario.params_files import trainer_params_from_path
    from tfaip.scripts.training import parse_trainer_params, start_training

    search_working_directory()
    stored, scenario = trainer_params_from_path(path)
    written_to = stored.output_dir
    stored.output_dir = folder_to_resume(Path(path).expanduser(), stored)
    params = parse_trainer_params(command, path, stored, flags)
    _check_same_folder(stored.output_dir, params)
    stored.output_dir = written_to
    return start_training(scenario, params, stored=stored, restore=True)


def folder_to_resume(path: Path, stored: "TrainerParams") -> str:
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


def _has_checkpoint(folder: Path) -> bool:
    # The second name is that of the last checkpoint for the instant in which a new one takes its place.
    return any((folder / name).is_dir() for name in (_CHECKPOINT, f".{_CHECKPOINT}.old"))


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def _without_end(folder: Path, stored: "TrainerParams") -> str:
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


def _check_same_folder(output_dir: Any, params: "TrainerParams") -> None:
    if params.output_dir != output_dir:
        raise UsageError(
            f"`--trainer.output_dir {params.output_dir}` can not be given on a resume, which goes on in "
            f"`{output_dir}`. To keep that as it is, copy it, and resume the copy."
        )


def run() -> None:
    """Go on with the training that the command line of this process names."""
    from tfaip.scripts.arguments import run_command

    run_command(main)


if __name__ == "__main__":
    run()

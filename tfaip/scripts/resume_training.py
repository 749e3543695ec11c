"""`tfaip-resume-training FOLDER [flags]`: go on with a training from its last checkpoint."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


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
        operand_help="the output_dir of a training, the trainer_params.json in it, or one of its checkpoints",
        example="tfaip-resume-training run --trainer.epochs 20",
    )
    path, flags = command.split(args)

    from tfaip.params.user_modules import import_failures_reported
    from tfaip.scenario.params_files import trainer_params_from_path
    from tfaip.scripts.allowed import add_allow_option, allow_named
    from tfaip.scripts.resume_folder import check_same_folder, folder_to_resume, params_to_resume
    from tfaip.scripts.training import parse_trainer_params, start_training
    from tfaip.trainer.conflicts import check_warm_start_of_resumed

    allow_named(flags)
    with import_failures_reported("the scenario"):
        file = params_to_resume(Path(path).expanduser())
        stored, scenario = trainer_params_from_path(file)
    written_to = stored.output_dir
    stored.output_dir = folder_to_resume(Path(path).expanduser(), stored)
    params = parse_trainer_params(command, path, stored, flags, add_allow_option)
    check_same_folder(stored.output_dir, params)
    check_warm_start_of_resumed(stored, params)
    stored.output_dir = written_to
    return start_training(scenario, params, stored=stored, restore=True)


def run() -> None:
    """Go on with the training that the command line of this process names."""
    from tfaip.scripts.arguments import run_command

    run_command(main)


if __name__ == "__main__":
    if not __package__:
        # Started as a file: then Python looks for modules in this folder, not in the one that holds `tfaip`.
        folder = Path(__file__).resolve().parent
        sys.path[:] = [str(folder.parents[1]), *(path for path in sys.path if path != str(folder))]
    run()

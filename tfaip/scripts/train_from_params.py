"""`tfaip-train-from-params FILE [flags]`: train from the start with stored parameters."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfaip.trainer.params import TrainerParams


def main(args: Sequence[str] | None = None) -> Any:
    """Train from the start with the parameters of a file, and return the logs of the last epoch.

    Args:
        args: The `trainer_params.json`, or a folder with one, then flags; `None`: those of this process.

    Raises:
        UsageError: If there is no such file, or a flag is wrong; then nothing was written.
    """
    from tfaip.scripts.arguments import Command

    command = Command(
        program="tfaip-train-from-params",
        operand="FILE",
        summary="Train from the start with stored parameters. Flags change them.",
        operand_help="a trainer_params.json, or the output_dir of a training",
        example="tfaip-train-from-params run/trainer_params.json --trainer.output_dir run2",
    )
    path, flags = command.split(args)

    from tfaip.params.user_modules import import_failures_reported
    from tfaip.scenario.params_files import trainer_params_from_path
    from tfaip.scripts.allowed import add_allow_option, allow_named
    from tfaip.scripts.training import parse_trainer_params, start_training

    allow_named(flags)
    with import_failures_reported("the scenario"):
        stored, scenario = trainer_params_from_path(path)
    _forget_progress(stored)
    params = parse_trainer_params(command, path, stored, flags, add_allow_option)
    return start_training(scenario, params, stored=stored)


def _forget_progress(params: "TrainerParams") -> None:
    """Set everything in `params` back that a training writes into them."""
    from tfaip.trainer.params import Resume
    from tfaip.trainer.state import BestState

    params.overwrite, params.resume = False, Resume.NO  # they were said of another folder
    params.current_epoch = 0
    params.saved_checkpoint_sub_dir = ""
    BestState().write(params.early_stopping)


def run() -> None:
    """Train with the parameters that the command line of this process names."""
    from tfaip.scripts.arguments import run_command

    run_command(main)


if __name__ == "__main__":
    if not __package__:
        # Started as a file: then Python looks for modules in this folder, not in the one that holds `tfaip`.
        folder = Path(__file__).resolve().parent
        sys.path[:] = [str(folder.parents[1]), *(path for path in sys.path if path != str(folder))]
    run()

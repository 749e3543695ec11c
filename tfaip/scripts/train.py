"""`tfaip-train SCENARIO [flags]`: train a scenario."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfaip.scenario.scenariobase import ScenarioBase
    from tfaip.trainer.params import TrainerParams


def parse_args(args: Sequence[str] | None = None) -> "tuple[type[ScenarioBase], TrainerParams]":
    """Return the scenario class and the params of the training.

    Args:
        args: The words behind the name of the program; `None`: those of this process.

    Raises:
        UsageError: If there is no such scenario, or a flag is wrong.
    """
    from tfaip.scripts.arguments import Command

    command = Command(
        program="tfaip-train",
        operand="SCENARIO",
        summary="Train a scenario.",
        operand_help="package.module:Class, package.module, or a package with a module `scenario`",
        example="tfaip-train scenarios.tutorial.full --trainer.output_dir run --trainer.epochs 5",
    )
    name, flags = command.split(args)

    # Here, because the general help waits for nothing.
    from tfaip.params.user_modules import import_failures_reported
    from tfaip.scenario.discovery import import_scenario
    from tfaip.scripts.training import parse_trainer_params

    scenario = import_scenario(name)
    with import_failures_reported(f"`{name}`"):
        defaults = scenario.default_trainer_params()
    return scenario, parse_trainer_params(command, name, defaults, flags)


def main(scenario: "type[ScenarioBase]", trainer_params: "TrainerParams") -> Any:
    """Train `scenario` and return the logs of the last epoch.

    Raises:
        UsageError: If `trainer_params` can not be used; then nothing was written.
    """
    from tfaip.scripts.training import start_training

    return start_training(scenario, trainer_params)


def run() -> None:
    """Train as the command line of this process says."""
    from tfaip.scripts.arguments import run_command

    run_command(lambda: main(*parse_args()))


if __name__ == "__main__":
    if not __package__:
        # Started as a file: then Python looks for modules in this folder, not in the one that holds `tfaip`.
        folder = Path(__file__).resolve().parent
        sys.path[:] = [str(folder.parents[1]), *(path for path in sys.path if path != str(folder))]
    run()

"""`tfaip-plot-lr SCENARIO [flags] OUT.png`: draw the learning rate that a training would have."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfaip.scenario.scenariobase import ScenarioBase
    from tfaip.scripts.arguments import Command
    from tfaip.trainer.params import TrainerParams
    from tfaip.trainer.scheduler.sampling import Rates


def parse_args(args: Sequence[str] | None = None) -> "tuple[type[ScenarioBase], TrainerParams, Path]":
    """Return the scenario class, the params of the training, and the file to write.

    Raises:
        UsageError: If there is no such scenario, a flag is wrong, or no file is named.
    """
    command = _command()
    name, words = command.split(args)
    is_help = not {"-h", "--help"}.isdisjoint(words)
    path = Path() if is_help else _output(command, words)

    from tfaip.params.user_modules import import_failures_reported
    from tfaip.scenario.discovery import import_scenario
    from tfaip.scripts.training import parse_trainer_params

    scenario = import_scenario(name)
    with import_failures_reported(f"`{name}`"):
        defaults = scenario.default_trainer_params()
    return scenario, parse_trainer_params(command, name, defaults, words if is_help else words[:-1]), path


def main(scenario: "type[ScenarioBase]", params: "TrainerParams", path: Path) -> None:
    """Write the rates of a training to `path`: a CSV file, or a picture and a CSV file beside it.

    Raises:
        UsageError: If there are no samples or epochs, or no pictures can be drawn here.
    """
    from tfaip.errors import UsageError
    from tfaip.scripts.chart import PICTURE, Chart, check_pictures, draw, write_csv

    if path.suffix == PICTURE:
        check_pictures(str(path))
    params.output_dir = None  # the training is not started
    params.export_best = False

    from tfaip.params.user_modules import import_failures_reported
    from tfaip.trainer.optimizer.build import build_schedules
    from tfaip.trainer.scheduler.sampling import sample_rates

    with import_failures_reported("the scenario"):
        trainer = scenario.create_trainer(params)
        trainer.setup_data()
        trainer.setup_steps_per_epoch()
        schedules = build_schedules(trainer.params)
    rates = sample_rates(schedules)
    if not rates:
        raise UsageError("There is no learning rate to draw: `--trainer.epochs` is 0.")
    rows = [(row.epoch, row.step, *(f"{rate:.7g}" for rate in row.rates.values())) for row in rates]
    write_csv(path.with_suffix(".csv"), ["epoch", "step", *schedules], rows)
    if path.suffix == PICTURE:
        lines = {name: _points(rates, name) for name in schedules}
        draw(Chart("Learning rate", "epoch", lines), path)


def run() -> None:
    """Draw as the command line of this process says."""
    from tfaip.scripts.arguments import run_command

    run_command(lambda: main(*parse_args()))


def _command() -> "Command":
    from tfaip.scripts.arguments import Command

    return Command(
        program="tfaip-plot-lr",
        operand="SCENARIO",
        summary="Draw the learning rate that `tfaip-train` would have with the same flags. The last word is "
        "the file to write: OUT.png, with the values in OUT.csv beside it, or OUT.csv alone.",
        operand_help="package.module:Class, package.module, or a package with a module `scenario`",
        example="tfaip-plot-lr scenarios.tutorial.full --learning_rate OneCycle lr.png",
    )


def _output(command: "Command", words: Sequence[str]) -> Path:
    """Return the file that the last word names, if it can be written."""
    from tfaip.errors import UsageError
    from tfaip.scripts.chart import PICTURE

    last = words[-1] if words else ""
    path = Path(last).expanduser()
    if path.suffix not in (PICTURE, ".csv"):
        got = f"got `{last}`" if last else "got nothing"
        raise UsageError(
            f"`{command.program}` expects a file to write as its last word, `OUT.png` or `OUT.csv`, {got}. "
            f"Try `{command.example}`."
        )
    if not path.absolute().parent.is_dir():
        raise UsageError(f"`{last}` can not be written: there is no folder `{path.parent}`.")
    return path


def _points(rates: "Sequence[Rates]", name: str) -> list[tuple[float, float]]:
    """Return the points of a line with a step at each border."""
    return [(epoch, row.rates[name]) for row in rates for epoch in (row.epoch, row.until)]


if __name__ == "__main__":
    if not __package__:
        # Started as a file: then Python looks for modules in this folder, not in the one that holds `tfaip`.
        folder = Path(__file__).resolve().parent
        sys.path[:] = [str(folder.parents[1]), *(path for path in sys.path if path != str(folder))]
    run()

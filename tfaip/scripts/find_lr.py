"""`tfaip-find-lr SCENARIO [flags]`: try rising learning rates, and suggest one."""

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfaip.scenario.scenariobase import ScenarioBase
    from tfaip.scripts.arguments import Command
    from tfaip.trainer.params import TrainerParams
    from tfaip.trainer.range_test import TriedRate
    from tfaip.trainer.range_test_params import RangeTestParams

logger = logging.getLogger(__name__)


def parse_args(
    args: Sequence[str] | None = None,
) -> "tuple[type[ScenarioBase], TrainerParams, RangeTestParams]":
    """Return the scenario class, and the params of the training and of the test.

    Raises:
        UsageError: If there is no such scenario, or a flag is wrong.
    """
    command = _command()
    name, flags = command.split(args)

    from tfaip.params.parser import TFAIPArgumentParser
    from tfaip.params.user_modules import import_failures_reported
    from tfaip.scenario.discovery import import_scenario
    from tfaip.trainer.range_test_params import RangeTestParams

    scenario = import_scenario(name)
    with import_failures_reported(f"`{name}`"):
        defaults = scenario.default_trainer_params()
    parser = TFAIPArgumentParser(
        prog=f"{command.program} {name}",
        usage=f"{command.program} {name} [--FLAG VALUE ...]",
        description=command.summary,
    )
    parser.add_root_argument("range_test", RangeTestParams, default=RangeTestParams())
    parser.add_root_argument("trainer", type(defaults), default=defaults)
    parsed = parser.parse_args(flags)
    return scenario, parsed.trainer, parsed.range_test


def main(scenario: "type[ScenarioBase]", params: "TrainerParams", test: "RangeTestParams") -> None:
    """Write the curve, and print the suggestion as the only line on stdout.

    Raises:
        UsageError: If the loss falls at no rate; the curve is written all the same.
    """
    params.output_dir = None  # nothing of the training is kept
    params.export_best = params.export_final = False

    from tfaip.errors import UsageError
    from tfaip.params.user_modules import import_failures_reported
    from tfaip.scripts.training import check_output_dir

    output = Path(test.output).expanduser()
    check_output_dir(str(output.parent), "--range_test.output")

    from tfaip.trainer.range_test import range_test, suggested_rate

    with import_failures_reported("the scenario"):
        trainer = scenario.create_trainer(params)
        tried = range_test(trainer, test)
    suggestion = suggested_rate(tried)
    _write(tried, suggestion, output)
    if suggestion is None:
        raise UsageError(
            f"The loss falls at none of {len(tried)} learning rates from `--range_test.lowest` "
            f"{test.lowest:g} to {test.highest:g}. Look at the curve, and try other rates or more "
            "`--range_test.updates`."
        )
    sys.stdout.write(f"{suggestion:.2g}\n")


def run() -> None:
    """Search as the command line of this process says."""
    from tfaip.scripts.arguments import run_command

    run_command(lambda: main(*parse_args()))


def _command() -> "Command":
    from tfaip.scripts.arguments import Command

    return Command(
        program="tfaip-find-lr",
        operand="SCENARIO",
        summary="Train for some updates with a rising learning rate, write the curve of the loss, and print "
        "the rate at which it falls fastest. The flags are those of `tfaip-train`; the training is not kept.",
        operand_help="package.module:Class, package.module, or a package with a module `scenario`",
        example="tfaip-find-lr scenarios.tutorial.full --range_test.output lr_range",
    )


def _write(tried: "Sequence[TriedRate]", suggestion: float | None, output: Path) -> None:
    from tfaip.scripts.chart import PICTURE, Chart, draw, has_pictures, write_csv

    table = output.with_name(f"{output.name}.csv")
    rows = [(f"{one.rate:.7g}", f"{one.loss:.7g}", f"{one.smoothed:.7g}") for one in tried]
    write_csv(table, ["lr", "loss", "smoothed"], rows)
    logger.info("The curve of the range test is in %s", table)
    if not has_pictures():
        logger.warning("The curve is not drawn: for pictures, `pip install 'tfaip[plot]'`.")
    elif tried:
        lines = {
            "loss": [(one.rate, one.loss) for one in tried],
            "smoothed": [(one.rate, one.smoothed) for one in tried],
        }
        marks = {} if suggestion is None else {f"{suggestion:.2g}": suggestion}
        chart = Chart("Range test of the learning rate", "learning rate", lines, has_log_x=True, marks=marks)
        draw(chart, output.with_name(f"{output.name}{PICTURE}"))


if __name__ == "__main__":
    if not __package__:
        # Started as a file: then Python looks for modules in this folder, not in the one that holds `tfaip`.
        folder = Path(__file__).resolve().parent
        sys.path[:] = [str(folder.parents[1]), *(path for path in sys.path if path != str(folder))]
    run()

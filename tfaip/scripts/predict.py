"""`tfaip-predict --export_dir DIR... [flags]`: predict samples with exported models."""

import logging
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from argparse import Namespace

    from tfaip.reporting.benchmark import BenchmarkResults
    from tfaip.scenario.scenariobase import ScenarioBase
    from tfaip.scenario.scenariobaseparams import ScenarioBaseParams

logger = logging.getLogger(__name__)


def parse_args(
    args: Sequence[str] | None = None,
) -> "tuple[Namespace, type[ScenarioBase], ScenarioBaseParams]":
    """Return what the command line says, and the scenario class and params of the first export.

    The namespace holds `export_dir` (a list), `dump`, `data` (the params of the generator) and `predict`.

    Args:
        args: The words behind the name of the program; `None`: those of this process.

    Raises:
        UsageError: If a folder is no export, or a flag is wrong.
    """
    from tfaip.scripts.export_command import ExportCommand

    command = ExportCommand(
        program="tfaip-predict",
        summary="Predict samples with an exported model, or with several that vote.",
        example="tfaip-predict --export_dir run/best --data.image_files a.png b.png --dump out.dump",
        several=True,
    )
    folders = command.folders(args)

    # Here, because the general help waits for nothing.
    from tfaip.params.user_modules import import_failures_reported
    from tfaip.scripts.export_command import scenario_of_exports

    scenario, scenario_params = scenario_of_exports(folders)
    parser = command.flags_parser()
    parser.add_argument(
        "--dump", "--dump_prediction", metavar="FILE", help="write the predicted samples to this file"
    )
    with import_failures_reported("the scenario"):
        predictor_cls = scenario.multi_predictor_cls() if len(folders) > 1 else scenario.predictor_cls()
        defaults = {
            "data": scenario.predict_generator_params_cls()(),
            "predict": predictor_cls.params_cls()(),
        }
    for name, default in defaults.items():
        parser.add_root_argument(name, type(default), default=default)
    return parser.parse_args(args), scenario, scenario_params


def main(
    args: "Namespace", scenario_cls: "type[ScenarioBase]", scenario_params: "ScenarioBaseParams"
) -> "BenchmarkResults":
    """Predict, print how fast it was, and return that.

    Args:
        args: What `parse_args` returned.
        scenario_cls: What was trained.
        scenario_params: Its params in the first export.
    """
    from tfaip.params.user_modules import import_failures_reported
    from tfaip.predict.dumps import DumpWriter
    from tfaip.scripts.export_command import quiet_tensorflow

    quiet_tensorflow()
    dump: Any = nullcontext() if args.dump is None else DumpWriter(args.dump)
    # First of all the dump, which fails at once if it can not be written.
    with dump as writer, import_failures_reported("the scenario"):
        predictor = (
            scenario_cls.create_predictor(args.export_dir[0], args.predict)
            if len(args.export_dir) == 1
            else scenario_cls.create_multi_predictor(args.export_dir, args.predict)
        )
        number = 0
        for sample in predictor.predict(args.data):
            number += 1
            if writer is not None:
                writer.add(sample)
    if number == 0:
        logger.warning("There was no sample to predict. Name the samples with `--data.X`, see `--help`.")
    predictor.benchmark_results.pretty_print()
    return predictor.benchmark_results


def run() -> None:
    """Predict as the command line of this process says."""
    from tfaip.scripts.arguments import run_command

    run_command(lambda: main(*parse_args()))


if __name__ == "__main__":
    if not __package__:
        # Started as a file: then Python looks for modules in this folder, not in the one that holds `tfaip`.
        folder = Path(__file__).resolve().parent
        sys.path[:] = [str(folder.parents[1]), *(path for path in sys.path if path != str(folder))]
    run()

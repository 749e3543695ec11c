"""`tfaip-multi-lav --export_dirs DIR DIR... [flags]`: validate several exported models that vote."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import Namespace

    from tfaip.lav.result import LAVResult
    from tfaip.predict.params import PredictorParams
    from tfaip.scenario.scenariobase import ScenarioBase
    from tfaip.scenario.scenariobaseparams import ScenarioBaseParams

_SET_BY_LAV = ["pipeline", "device", "silent", "progress_bar"]


def parse_args(
    args: Sequence[str] | None = None,
) -> "tuple[Namespace, type[ScenarioBase], ScenarioBaseParams, PredictorParams]":
    """Return what the command line says, class and params of the scenario, and how to predict.

    The namespace holds `export_dirs`, the options, `data` (the params of the generator) and `lav`. Where a
    flag is missing, samples come from where LAV of the first training took them, read as its validation did.

    Args:
        args: The words behind the name of the program; `None`: those of this process.

    Raises:
        UsageError: If a folder is no export, or a flag is wrong.
    """
    from tfaip.scripts.export_command import ExportCommand

    command = ExportCommand(
        program="tfaip-multi-lav",
        summary="Validate the vote of several exported models by the evaluator of their scenario.",
        example="tfaip-multi-lav --export_dirs run1/best run2/best run3/best",
        flag="--export_dirs",
        several=True,
    )
    folders = command.folders(args)

    # Here, because the general help waits for nothing.
    from tfaip.data.databaseparams import DataGeneratorParams
    from tfaip.params.user_modules import import_failures_reported
    from tfaip.scripts import validation
    from tfaip.scripts.export_command import scenario_of_exports

    scenario, scenario_params = scenario_of_exports(folders)
    parser = command.flags_parser()
    validation.add_options(parser, ["run_eagerly", "dump"])
    with import_failures_reported("the scenario"):
        training = validation.stored_training(folders[0], scenario_params)
        generator = validation.default_generator(scenario, training)
        lav_params = validation.default_lav_params(scenario, training, folders)
        predictor_params = scenario.multi_predictor_cls().params_cls()()
    parser.add_root_argument("data", DataGeneratorParams, default=generator)
    parser.add_root_argument("lav", type(lav_params), default=lav_params)
    parser.add_root_argument(
        "predictor", type(predictor_params), default=predictor_params, ignore=_SET_BY_LAV
    )
    words = validation.as_written_today(sys.argv[1:] if args is None else args)
    parsed = parser.parse_args(words)
    return parsed, scenario, scenario_params, parsed.predictor


def main(
    args: "Namespace",
    scenario_cls: "type[ScenarioBase]",
    scenario_params: "ScenarioBaseParams",
    predictor_params: "PredictorParams",
) -> "LAVResult":
    """Validate, print the results, and return them.

    Args:
        args: What `parse_args` returned.
        scenario_cls: What was trained.
        scenario_params: Its params in the first export.
        predictor_params: How to predict.
    """
    from tfaip.params.user_modules import import_failures_reported
    from tfaip.scripts import validation
    from tfaip.scripts.export_command import quiet_tensorflow

    quiet_tensorflow()
    with import_failures_reported("the scenario"):
        from tfaip.lav.callbacks.dump_results import DumpResultsCallback

        lav = scenario_cls.create_multi_lav(args.lav, scenario_params, predictor_params)
        dump = [DumpResultsCallback(args.dump)] if args.dump else []
        (result,) = lav.run(args.data, run_eagerly=args.run_eagerly, callbacks=[*dump])
    validation.print_results([result], lav.benchmark_results)
    return result


def run() -> None:
    """Validate as the command line of this process says."""
    from tfaip.scripts.arguments import run_command

    run_command(lambda: main(*parse_args()))


if __name__ == "__main__":
    if not __package__:
        # Started as a file: then Python looks for modules in this folder, not in the one that holds `tfaip`.
        folder = Path(__file__).resolve().parent
        sys.path[:] = [str(folder.parents[1]), *(path for path in sys.path if path != str(folder))]
    run()

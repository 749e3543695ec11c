"""`tfaip-lav --export_dir DIR [flags]`, `tfaip-lav --onnx FILE [flags]`: validate an exported model."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import Namespace

    from tfaip.lav.result import LAVResult
    from tfaip.scenario.scenariobase import ScenarioBase
    from tfaip.scenario.scenariobaseparams import ScenarioBaseParams


def parse_args(
    args: Sequence[str] | None = None,
) -> "tuple[Namespace, type[ScenarioBase], ScenarioBaseParams]":
    """Return what the command line says, and the scenario class and params of the export.

    The namespace holds `export_dir`, `onnx`, the options, `data` (the params of the generator) and `lav`.
    Where a flag is missing, samples come from where LAV of the training took them, read as its validation
    did.

    Args:
        args: The words behind the name of the program; `None`: those of this process.

    Raises:
        UsageError: If the folder is no export, or a flag is wrong.
    """
    from tfaip.scripts.export_command import ExportCommand

    command = ExportCommand(
        program="tfaip-lav",
        summary="Validate an exported model: losses, metrics and the evaluator of its scenario.",
        example="tfaip-lav --export_dir run/best",
    )
    words = sys.argv[1:] if args is None else list(args)
    onnx = command.value_of("--onnx", words)
    if onnx is not None and command.value_of(command.flag, words) is None:
        words += [command.flag, str(Path(onnx).expanduser().absolute().parent)]
    (folder,) = command.folders(words)

    # Here, because the general help waits for nothing.
    from tfaip.data.databaseparams import DataGeneratorParams
    from tfaip.params.user_modules import import_failures_reported
    from tfaip.scripts import validation
    from tfaip.scripts.export_command import scenario_of_exports

    scenario, scenario_params = scenario_of_exports([folder], have_models=onnx is None)
    parser = command.flags_parser()
    validation.add_options(parser)
    parser.add_argument(
        "--onnx", metavar="FILE", help="validate this ONNX file with ONNX Runtime; --export_dir: its folder"
    )
    with import_failures_reported("the scenario"):
        training = validation.stored_training(folder, scenario_params)
        generator = validation.default_generator(scenario, training)
        lav_params = validation.default_lav_params(scenario, training, onnx or folder)
    parser.add_root_argument("data", DataGeneratorParams, default=generator)
    parser.add_root_argument("lav", type(lav_params), default=lav_params)
    return parser.parse_args(validation.as_written_today(words)), scenario, scenario_params


def main(
    args: "Namespace", scenario_meta: "type[ScenarioBase]", scenario_params: "ScenarioBaseParams"
) -> "LAVResult":
    """Validate, print the results, and return them; of several lists, those of all together.

    Args:
        args: What `parse_args` returned.
        scenario_meta: What was trained.
        scenario_params: Its params in the export.
    """
    from tfaip.params.user_modules import import_failures_reported
    from tfaip.scripts import validation
    from tfaip.scripts.export_command import quiet_tensorflow

    quiet_tensorflow()
    with import_failures_reported("the scenario"):
        from tfaip.lav.callbacks.dump_results import DumpResultsCallback

        lav = scenario_meta.create_lav(args.lav, scenario_params)
        dump = [DumpResultsCallback(args.dump, with_losses=args.dump_losses)] if args.dump else []
        results = list(
            lav.run(
                [args.data],
                run_eagerly=args.run_eagerly,
                instantiate_graph=args.instantiate_graph,
                callbacks=[*dump],
            )
        )
    validation.print_results(results, lav.benchmark_results)
    return results[0]


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

"""`tfaip-adapt-exported-model DIR --output_dir OUT [flags]`: export a model again with changed parameters."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tfaip.scripts.arguments import Command

if TYPE_CHECKING:
    from argparse import Namespace

    from tfaip.scenario.scenariobase import ScenarioBase

_COMMAND = Command(
    program="tfaip-adapt-exported-model",
    operand="DIR",
    summary="Build an exported model anew with changed parameters and the same weights, and export it.",
    operand_help="folder of an export, for example `best` or `export` of a training",
    example="tfaip-adapt-exported-model run/best --output_dir adapted --data.X ...",
)


def parse_args(args: Sequence[str] | None = None) -> "tuple[Namespace, type[ScenarioBase]]":
    """Return what the command line says, and the scenario class of the export.

    The namespace holds `export_dir`, `output_dir`, the options, and `scenario`: the changed params.

    Args:
        args: The words behind the name of the program; `None`: those of this process.

    Raises:
        UsageError: If the folder is no export, a flag is wrong, or `output_dir` is there already.
    """
    folder, flags = _COMMAND.split(args)

    # Here, because the general help waits for nothing.
    from tfaip.params.parser import TFAIPArgumentParser
    from tfaip.scripts.allowed import add_allow_option, allow_named
    from tfaip.scripts.export_command import scenario_of_exports

    allow_named(flags)
    scenario, scenario_params = scenario_of_exports([folder])
    parser = TFAIPArgumentParser(
        prog=_COMMAND.program,
        usage=f"{_COMMAND.program} DIR --output_dir OUT [--FLAG VALUE ...]",
        description=_COMMAND.summary,
    )
    add_allow_option(parser)
    parser.add_argument("--output_dir", metavar="OUT", help="where to write the new export")
    parser.add_argument("--overwrite", action="store_true", help="replace an export that is there")
    parser.add_argument(
        "--no_check_loaded", action="store_true", help="read no samples, and accept any difference"
    )
    parser.add_root_argument("scenario", type(scenario_params), default=copy.deepcopy(scenario_params))
    options = parser.parse_args(flags)
    options.export_dir = folder
    _check_output_dir(options)
    return options, scenario


def main(args: "Namespace", scenario_cls: "type[ScenarioBase]") -> Path:
    """Export, say where, and return that.

    Args:
        args: What `parse_args` returned.
        scenario_cls: What was trained.
    """
    from tfaip.scripts.export_command import quiet_tensorflow

    quiet_tensorflow()
    from tfaip.params.differences import differences
    from tfaip.scripts import validation
    from tfaip.scripts.export import model_of_export, read_samples

    export, params = Path(args.export_dir).expanduser(), args.scenario
    stored = scenario_cls.params_from_path(str(export))
    training = validation.stored_training(str(export), stored)
    if args.no_check_loaded:
        params.export_tolerance = None
    scenario = scenario_cls(params)
    model_of_export(scenario, export / stored.default_serve_dir)
    if training is not None and not args.no_check_loaded:
        generator = validation.default_generator(scenario_cls, training)
        scenario.compared_samples = read_samples(scenario, training.gen.setup.val, generator)
    if training is not None:
        training.scenario = params
    is_of_training = (export / stored.trainer_params_filename).is_file()
    output_dir = Path(args.output_dir).expanduser()
    scenario.export(str(output_dir), training if is_of_training else None)
    for line in ["Changed parameters:", *(differences(stored, params, "scenario") or ["none"])]:
        print(line)  # noqa: T201 - the output of a program
    print(f"Exported to {output_dir}")  # noqa: T201
    return output_dir


def _check_output_dir(options: "Namespace") -> None:
    from tfaip.errors import UsageError
    from tfaip.scripts.training import check_output_dir

    if not options.output_dir:
        raise UsageError(f"`{_COMMAND.program}` needs `--output_dir`, where the new export goes.")
    check_output_dir(options.output_dir, "--output_dir")
    if Path(options.output_dir).expanduser().exists() and not options.overwrite:
        raise UsageError(
            f"`--output_dir {options.output_dir}` exists already. Choose another, or add `--overwrite`."
        )


def run() -> None:
    """Adapt as the command line of this process says."""
    from tfaip.scripts.arguments import run_command

    run_command(lambda: main(*parse_args()))


if __name__ == "__main__":
    run()

"""`tfaip-export DIR --format FORMAT... [flags]`: write the model of an export in other formats."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfaip.scripts.arguments import Command

if TYPE_CHECKING:
    from argparse import Namespace

    from tfaip.scenario.comparison import Comparison
    from tfaip.scenario.scenariobase import ScenarioBase
    from tfaip.scenario.scenariobaseparams import ScenarioBaseParams

FORMATS = ("onnx", "litert", "saved_model", "keras")
_COMMAND = Command(
    program="tfaip-export",
    operand="DIR",
    summary="Write the model of an export in other formats, each loaded and compared before it counts.",
    operand_help="folder of an export, for example `best` or `export` of a training",
    example="tfaip-export run/best --format onnx",
)


def parse_args(
    args: Sequence[str] | None = None,
) -> "tuple[Namespace, type[ScenarioBase], ScenarioBaseParams]":
    """Return what the command line says, and the scenario class and params of the export.

    The namespace holds `export_dir`, `format` (a list), `output`, `tolerance`, `data` (the params of the
    generator) and `pipeline`: the samples to compare on, by default those of the validation.

    Args:
        args: The words behind the name of the program; `None`: those of this process.

    Raises:
        UsageError: If the folder is no export, or a flag is wrong.
    """
    folder, flags = _COMMAND.split(args)

    # Here, because the general help waits for nothing.
    from tfaip.data.databaseparams import DataGeneratorParams, DataPipelineParams
    from tfaip.data.pipeline.definitions import PipelineMode
    from tfaip.errors import UsageError
    from tfaip.params.parser import TFAIPArgumentParser
    from tfaip.params.user_modules import import_failures_reported
    from tfaip.scripts import validation
    from tfaip.scripts.allowed import add_allow_option, allow_named
    from tfaip.scripts.export_command import scenario_of_exports

    allow_named(flags)
    scenario, scenario_params = scenario_of_exports([folder])
    parser = TFAIPArgumentParser(
        prog=_COMMAND.program,
        usage=f"{_COMMAND.program} DIR --format FORMAT [FORMAT ...] [--FLAG VALUE ...]",
        description=_COMMAND.summary,
    )
    add_allow_option(parser)
    parser.add_argument("--format", nargs="+", choices=FORMATS, metavar="FORMAT", help=", ".join(FORMATS))
    parser.add_argument("--output", metavar="PATH", help="where to write; without, into DIR")
    parser.add_argument(
        "--tolerance", type=float, help="the largest difference to accept; without, of the params"
    )
    with import_failures_reported("the scenario"):
        training = validation.stored_training(folder, scenario_params)
        generator = validation.default_generator(scenario, training)
        pipeline = DataPipelineParams() if training is None else training.gen.setup.val
    pipeline.mode = PipelineMode.EVALUATION
    parser.add_root_argument("data", DataGeneratorParams, default=generator)
    parser.add_root_argument("pipeline", DataPipelineParams, default=pipeline)
    options = parser.parse_args(flags)
    options.export_dir = folder
    if not options.format:
        raise UsageError(f"`{_COMMAND.program}` needs `--format`, one or more of {', '.join(FORMATS)}.")
    if options.output and len(options.format) > 1:
        raise UsageError(f"`--output {options.output}` is one place for {len(options.format)} formats.")
    if options.tolerance is not None:
        scenario_params.export_tolerance = options.tolerance
    return options, scenario, scenario_params


def main(
    args: "Namespace", scenario_cls: "type[ScenarioBase]", scenario_params: "ScenarioBaseParams"
) -> "dict[Path, Comparison]":
    """Write the formats, print how each compared, and return that by path.

    Args:
        args: What `parse_args` returned.
        scenario_cls: What was trained.
        scenario_params: Its params in the export.
    """
    from tfaip.scripts.export_command import quiet_tensorflow

    quiet_tensorflow()
    from tfaip.scenario.conversion import convert_export
    from tfaip.scenario.formats import FORMATS as BY_NAME

    forms = [BY_NAME[name] for name in args.format]
    for form in forms:
        form.check_installed()
    export = Path(args.export_dir).expanduser()
    scenario = scenario_cls(scenario_params)
    samples = read_samples(scenario, args.pipeline, args.data)
    model = model_of_export(scenario, export / scenario_params.default_serve_dir)
    done = {}
    for form in forms:
        place = Path(args.output).expanduser() if args.output else export / form.file_name
        done[place] = convert_export(scenario, export, form, samples, model=model, place=place)
        _print(place, done[place])
    return done


def read_samples(scenario: "ScenarioBase", pipeline: Any, generator: Any) -> Any:
    """Return the first samples of a generator, to compare on; zeros if there are none."""
    from tfaip.scenario.export import samples_of

    return samples_of(scenario.data.create_pipeline(pipeline, generator), scenario)


def model_of_export(scenario: "ScenarioBase", serve: Path) -> Any:
    """Return the prediction model, built from the scenario's code, with the weights of an export.

    Args:
        scenario: A new one.
        serve: The SavedModel; Keras 2 may have written it.

    Raises:
        UsageError: The code makes other weights.
    """
    from tfaip.trainer.warmstart.warmstart_params import WarmStartParams

    scenario.setup_prediction_graph()
    WarmStartParams(model=str(serve)).create().warmstart(scenario.keras_predict_model)
    return scenario.keras_predict_model


def _print(place: Path, comparison: "Comparison") -> None:
    print(f"{place}: {comparison.num_samples} {comparison.samples} samples")  # noqa: T201 - the output
    for name, one in comparison.outputs.items():
        print(f"  {name}: {one.dtype} {tuple(one.shape)}, difference {one.difference:.2g}")  # noqa: T201


def run() -> None:
    """Export as the command line of this process says."""
    from tfaip.scripts.arguments import run_command

    run_command(lambda: main(*parse_args()))


if __name__ == "__main__":
    run()

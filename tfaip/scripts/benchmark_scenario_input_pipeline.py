"""`tfaip-benchmark-input-pipeline SCENARIO [flags]`: how fast a scenario reads its training data, and why."""

import contextlib
import math
import os
import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfaip.data.pipeline.datapipeline import DataPipeline
    from tfaip.params.parser import TFAIPArgumentParser
    from tfaip.reporting.input_speed import InputSpeed
    from tfaip.scenario.scenariobase import ScenarioBase
    from tfaip.trainer.params import TrainerParams

_LONGEST_MEASUREMENT_SECONDS = 5.0  # of the costs of the parts, and of the training
_SECONDS_BETWEEN_LINES = 1.0  # where the status is no terminal


def parse_args(
    args: Sequence[str] | None = None,
) -> "tuple[type[ScenarioBase], TrainerParams, Namespace]":
    """Return the scenario class, the params of the training, and `time_limit` and `with_train_step`.

    Args:
        args: The words behind the name of the program; `None`: those of this process.

    Raises:
        UsageError: If there is no such scenario, or a flag is wrong.
    """
    from tfaip.scripts.arguments import Command
    from tfaip.scripts.data_command import parse_data_args

    command = Command(
        program="tfaip-benchmark-input-pipeline",
        operand="SCENARIO",
        summary="Read the training data of a scenario as a training does, until Ctrl-C, and tell where the "
        "time goes. The flags are those of `tfaip-train`; nothing is written.",
        operand_help="package.module:Class, package.module, or a package with a module `scenario`",
        example="tfaip-benchmark-input-pipeline scenarios.tutorial.full --time_limit 10",
    )
    return parse_data_args(command, args, _add_options)


def _add_options(parser: "TFAIPArgumentParser") -> None:
    parser.add_argument(
        "--time_limit",
        type=_seconds,
        default=-1.0,
        metavar="S",
        help="seconds to read; without, or -1: until Ctrl-C",
    )
    parser.add_argument(
        "--with_train_step", action="store_true", help="also train, to tell whether training waits for data"
    )


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if math.isfinite(float(text)):
            return float(text)
    raise ArgumentTypeError(f"expects a number of seconds, got `{text}`")


def main(scenario: "type[ScenarioBase]", trainer_params: "TrainerParams", args: Namespace) -> "InputSpeed":
    """Read batches, print their rates while they come and a report at the end, and return the rates.

    Args:
        scenario: The scenario.
        trainer_params: The params of a training, of which nothing is written.
        args: What `parse_args` returned.

    Raises:
        UsageError: If the params can not be used, or there are no samples.
    """
    from tfaip.reporting.input_costs import measure_costs
    from tfaip.reporting.input_report import report
    from tfaip.scripts.data_command import create_trainer_without_outputs
    from tfaip.scripts.export_command import quiet_tensorflow

    quiet_tensorflow()
    trainer = create_trainer_without_outputs(scenario, trainer_params)
    pipeline = trainer_params.gen.train_data(trainer.data)
    speed = _read(pipeline, trainer_params.random_seed, args.time_limit)
    limit = args.time_limit if args.time_limit >= 0 else math.inf
    seconds = min(_LONGEST_MEASUREMENT_SECONDS, limit)
    costs = measure_costs(pipeline, seconds=seconds / 2)
    training = None
    if args.with_train_step:
        from tfaip.trainer.training_speed import measure_training_speed

        training = measure_training_speed(trainer, seconds=seconds)
    for line in report(speed, costs, cores=_cores(), training=training):
        sys.stdout.write(f"{line}\n")
    return speed


def _read(pipeline: "DataPipeline[Any]", random_seed: int | None, time_limit: float) -> "InputSpeed":
    """Return the speed of the datasets of a training; an error in the pipeline is raised as itself."""
    from tfaip.progress import open_progress
    from tfaip.reporting.input_report import rate_of_batches
    from tfaip.reporting.input_speed import measure_speed

    progress = open_progress(
        total=None,
        title="Reading",
        unit="sample",
        seconds_between_lines=_SECONDS_BETWEEN_LINES,
        stream=sys.stdout,
    )
    stream = pipeline.batch_stream(auto_repeat=True, random_seed=random_seed)
    with stream:
        try:
            return measure_speed(
                pipeline.dataset_of_stream(stream),
                time_limit=time_limit,
                watch=lambda speed: progress.update(speed.num_samples, lambda: rate_of_batches(speed)),
            )
        except Exception as error:
            raise (stream.error or error) from error
        finally:
            progress.close()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run() -> None:
    """Measure as the command line of this process says."""
    from tfaip.scripts.arguments import run_command

    run_command(lambda: main(*parse_args()))


if __name__ == "__main__":
    if not __package__:
        # Started as a file: then Python looks for modules in this folder, not in the one that holds `tfaip`.
        folder = Path(__file__).resolve().parent
        sys.path[:] = [str(folder.parents[1]), *(path for path in sys.path if path != str(folder))]
    run()

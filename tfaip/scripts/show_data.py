"""`tfaip-show-data SCENARIO [flags]`: what a scenario's input pipeline delivers, in words and as pictures."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from argparse import Namespace

    from tfaip.data.pipeline.datapipeline import DataPipeline
    from tfaip.params.parser import TFAIPArgumentParser
    from tfaip.scenario.scenariobase import ScenarioBase
    from tfaip.trainer.params import TrainerParams

_DEFAULT_LIMIT = 16  # a few screens of pictures


def parse_args(args: Sequence[str] | None = None) -> "tuple[type[ScenarioBase], TrainerParams, Namespace]":
    """Return the scenario class, the params of the training, and `part` and `images`.

    Args:
        args: The words behind the name of the program; `None`: those of this process.

    Raises:
        UsageError: If there is no such scenario, or a flag is wrong.
    """
    from tfaip.scripts.arguments import Command
    from tfaip.scripts.data_command import parse_data_args

    command = Command(
        program="tfaip-show-data",
        operand="SCENARIO",
        summary="Print keys, types, shapes and ranges of what the input pipeline of a scenario delivers, and "
        "write its images as PNG. The flags are those of `tfaip-train`.",
        operand_help="package.module:Class, package.module, or a package with a module `scenario`",
        example="tfaip-show-data scenarios.tutorial.full --train.limit 4",
    )
    return parse_data_args(command, args, _add_options)


def _add_options(parser: "TFAIPArgumentParser") -> None:
    parser.add_argument(
        "--part", choices=["train", "val"], default="train", help="samples of the training or the validation"
    )
    parser.add_argument(
        "--images", default="shown_data", metavar="DIR", help="folder for the PNGs (default: shown_data)"
    )


def main(scenario: "type[ScenarioBase]", trainer_params: "TrainerParams", args: "Namespace") -> None:
    """Print what the pipeline delivers, and write its images.

    Args:
        scenario: The scenario.
        trainer_params: The params of a training, of which nothing is written.
        args: What `parse_args` returned.

    Raises:
        UsageError: If the params can not be used, or there are no samples.
    """
    from tfaip.data.specs import parts_of_mode
    from tfaip.errors import UsageError
    from tfaip.reporting.shown_data import ShownData
    from tfaip.scripts.data_command import create_trainer_without_outputs
    from tfaip.scripts.export_command import quiet_tensorflow

    quiet_tensorflow()
    trainer = create_trainer_without_outputs(scenario, trainer_params)
    gen = trainer_params.gen
    setup = gen.setup.train if args.part == "train" else gen.setup.val
    setup.limit = setup.limit if setup.limit > 0 else _DEFAULT_LIMIT
    pipeline: Any = gen.train_data(trainer.data) if args.part == "train" else gen.val_data(trainer.data)
    if pipeline is None:
        raise UsageError("The scenario has no validation samples. Show the training with `--part train`.")
    shown = ShownData(parts_of_mode(pipeline.mode))
    pictures = _Pictures(Path(args.images).expanduser())
    for batch in _batches(pipeline, trainer_params.random_seed):
        pictures.add(batch, shown.parts, first=shown.num_samples)
        shown.add(batch)
    if shown.num_samples == 0:
        raise UsageError(f"There are no samples. Look at the flags `--{args.part}...` that name them.")
    heading = (
        f"{shown.num_samples} samples of {scenario.__name__}, {pipeline.mode}; batches: {shown.num_batches}"
    )
    for line in (heading, *shown.lines(), *pictures.lines()):
        sys.stdout.write(f"{line}\n")


class _Pictures:
    """Writes images as long as there is something to write them with."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0
        self._is_missing = False

    def add(self, batch: Any, parts: Sequence[str], *, first: int) -> None:
        """Write the images of a batch."""
        from tfaip.reporting.shown_data import write_images

        if self._is_missing:
            return
        try:
            self._number += len(write_images(batch, parts, self._folder, first=first))
        except ImportError:
            self._is_missing = True

    def lines(self) -> list[str]:
        """Return where the images are, or how to get them."""
        if self._is_missing:
            return ["No images were written: Pillow is not installed. `pip install Pillow` brings it."]
        return [f"{self._number} images in {self._folder}"] if self._number else []


def _batches(pipeline: "DataPipeline[Any]", random_seed: int | None) -> Any:
    """Yield the batches of one pass."""
    with pipeline.batch_stream(auto_repeat=False, random_seed=random_seed) as batches:
        yield from batches


def run() -> None:
    """Show data as the command line of this process says."""
    from tfaip.scripts.arguments import run_command

    run_command(lambda: main(*parse_args()))


if __name__ == "__main__":
    if not __package__:
        # Started as a file: then Python looks for modules in this folder, not in the one that holds `tfaip`.
        folder = Path(__file__).resolve().parent
        sys.path[:] = [str(folder.parents[1]), *(path for path in sys.path if path != str(folder))]
    run()

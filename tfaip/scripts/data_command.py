"""What the programs share that look at the data of a training: from flags to params, and to a trainer."""

from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tfaip.scripts.arguments import Command

if TYPE_CHECKING:
    from tfaip.params.parser import TFAIPArgumentParser
    from tfaip.scenario.scenariobase import ScenarioBase
    from tfaip.trainer.params import TrainerParams
    from tfaip.trainer.trainer import Trainer


def parse_data_args(
    command: Command, args: Sequence[str] | None, add_options: "Callable[[TFAIPArgumentParser], None]"
) -> "tuple[type[ScenarioBase], TrainerParams, Namespace]":
    """Return the scenario class, the params of the training, and a namespace with the options.

    Args:
        command: The program.
        args: The words behind its name; `None`: those of this process.
        add_options: Adds what the program takes besides the flags of a training.

    Raises:
        UsageError: If there is no such scenario, or a flag is wrong.
    """
    name, flags = command.split(args)

    # Here, because the general help waits for nothing.
    from tfaip.params.parser import TFAIPArgumentParser
    from tfaip.params.user_modules import import_failures_reported
    from tfaip.scenario.discovery import import_scenario

    scenario = import_scenario(name)
    with import_failures_reported(f"`{name}`"):
        defaults = scenario.default_trainer_params()
    parser = TFAIPArgumentParser(
        prog=f"{command.program} {name}",
        usage=f"{command.program} {name} [--FLAG VALUE ...]",
        description=command.summary,
    )
    add_options(parser)
    parser.add_root_argument("trainer", type(defaults), default=defaults)
    options = parser.parse_args(flags)
    return scenario, options.trainer, options


def create_trainer_without_outputs(scenario: "type[ScenarioBase]", params: "TrainerParams") -> "Trainer":
    """Return a trainer that writes nothing, with its data set up.

    Raises:
        UsageError: If the params can not be used.
    """
    from tfaip.params.user_modules import import_failures_reported
    from tfaip.scripts.training import check_before_start

    params.output_dir, params.export_best, params.export_final = None, False, False
    check_before_start(params)
    with import_failures_reported("the scenario"):
        trainer = scenario.create_trainer(params)
        trainer.setup_data()
    return trainer

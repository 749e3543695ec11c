"""Params of an optimizer that trains a part of the model."""

from dataclasses import dataclass, field

from paiargparse import pai_dataclass, pai_meta

from tfaip.errors import UsageError
from tfaip.params.checks import check_pattern
from tfaip.trainer.optimizer import DEFAULT_OPTIMIZERS, AdamOptimizer
from tfaip.trainer.optimizer.optimizers import OptimizerParams
from tfaip.trainer.scheduler import DEFAULT_SCHEDULES, Constant
from tfaip.trainer.scheduler.learningrate_params import LearningRateParams


@pai_dataclass(alt="PartOptimizer")
@dataclass
class PartOptimizerParams:
    """An optimizer and its learning rate for the variables that a pattern matches."""

    variables: str = field(
        default="",
        metadata=pai_meta(
            help="Regular expression for whole parts of the paths of its variables, as 'head/.*'. Required."
        ),
    )
    optimizer: OptimizerParams = field(
        default_factory=AdamOptimizer,
        metadata=pai_meta(choices=DEFAULT_OPTIMIZERS, help="The optimizer."),
    )
    learning_rate: LearningRateParams = field(
        default_factory=Constant,
        metadata=pai_meta(choices=DEFAULT_SCHEDULES, help="Its learning rate; if left out, it is constant."),
    )

    def __post_init__(self) -> None:
        """Refuse a pattern that is no regular expression."""
        check_pattern("--trainer.part_optimizers.N.variables", self.variables)

    def check(self) -> None:
        """Refuse a part without variables, as soon as it is used.

        Raises:
            UsageError: There is no pattern.
        """
        if not self.variables:
            raise UsageError(
                "`--trainer.part_optimizers.N.variables` must name the variables of the optimizer, got "
                "nothing. Give a regular expression for their paths, as 'head/.*'."
            )

"""Params of the learning rate that changes at given epochs."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, List, Type

from paiargparse import pai_dataclass, pai_meta

from tfaip.errors import UsageError
from tfaip.trainer.scheduler.learningrate_params import LearningRateParams, check_learning_rate

if TYPE_CHECKING:
    from tfaip.trainer.scheduler.learningrate import LearningRateSchedule


@pai_dataclass(alt="Piecewise")
@dataclass
class PiecewiseParams(LearningRateParams):
    """Constant between given epochs: `lr`, and `lr * factors[i]` after `boundaries[i]` epochs."""

    boundaries: List[float] = field(
        default_factory=list,
        metadata=pai_meta(help="Epochs after which the rate changes, in rising order."),
    )
    factors: List[float] = field(
        default_factory=list,
        metadata=pai_meta(
            help="From each boundary on the rate is lr times its factor, not the product of all."
        ),
    )

    def __post_init__(self) -> None:
        """Refuse boundaries without a factor, in another order, or out of range."""
        super().__post_init__()
        if len(self.boundaries) != len(self.factors):
            raise UsageError(
                "`--learning_rate.boundaries` and `--learning_rate.factors` must be as many, got "
                f"{len(self.boundaries)} ({self.boundaries}) and {len(self.factors)} ({self.factors})."
            )
        if sorted(set(self.boundaries)) != list(self.boundaries):
            raise UsageError(f"`--learning_rate.boundaries` must be in rising order, got {self.boundaries}.")
        for boundary in self.boundaries:
            check_learning_rate("boundaries", boundary, at_least=0)
        for factor in self.factors:
            check_learning_rate("factors", factor, at_least=0)

    @staticmethod
    def cls() -> "Type[LearningRateSchedule]":
        """Return the schedule's class."""
        from tfaip.trainer.scheduler.piecewise import PiecewiseSchedule

        return PiecewiseSchedule

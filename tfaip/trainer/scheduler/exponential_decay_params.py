"""Params of the exponentially decaying learning rate."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Type

from paiargparse import pai_dataclass, pai_meta

from tfaip.trainer.scheduler.learningrate_params import LearningRateParams, check_learning_rate

if TYPE_CHECKING:
    from tfaip.trainer.scheduler.learningrate import LearningRateSchedule


@pai_dataclass(alt="ExponentialDecay")
@dataclass
class ExponentialDecayParams(LearningRateParams):
    """The base rate times `lr_decay_rate`, once more after every `learning_circle` epochs."""

    learning_circle: int = field(
        default=3,
        metadata=pai_meta(help="Epochs between two decays."),
    )
    lr_decay_rate: float = field(
        default=0.99,
        metadata=pai_meta(help="Factor of each decay."),
    )
    decay_min_fraction: float = field(
        default=0.0,
        metadata=pai_meta(help="Lower bound of the rate after the warm-up, as a fraction of lr in [0, 1]."),
    )

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        super().__post_init__()
        check_learning_rate("learning_circle", self.learning_circle, at_least=1)
        check_learning_rate("lr_decay_rate", self.lr_decay_rate, more_than=0)
        check_learning_rate("decay_min_fraction", self.decay_min_fraction, at_least=0, at_most=1)

    @staticmethod
    def cls() -> "Type[LearningRateSchedule]":
        """Return the schedule's class."""
        from tfaip.trainer.scheduler.exponential_decay import ExponentialDecaySchedule

        return ExponentialDecaySchedule

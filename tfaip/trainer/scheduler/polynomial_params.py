"""Params of the learning rates that fall in a straight line, or as a power of what is left."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Type

from paiargparse import pai_dataclass, pai_meta

from tfaip.trainer.scheduler.learningrate_params import LearningRateParams, check_learning_rate

if TYPE_CHECKING:
    from tfaip.trainer.scheduler.learningrate import LearningRateSchedule


@pai_dataclass(alt="Linear")
@dataclass
class LinearParams(LearningRateParams):
    """A straight line from `lr` to `lr * end_fraction`, after a warm-up if wanted."""

    end_fraction: float = field(
        default=0.0,
        metadata=pai_meta(help="The rate ends at lr * end_fraction."),
    )
    decay_epochs: int = field(
        default=-1,
        metadata=pai_meta(
            help="Epochs of the way from lr to its end, where the rate stays. -1: all after the warm-up."
        ),
    )
    warmup_epochs: int = field(
        default=0,
        metadata=pai_meta(help="Epochs of a linear rise from lr / warmup_factor to lr before; 0: none."),
    )
    warmup_factor: float = field(
        default=10.0,
        metadata=pai_meta(help="The warm-up starts at lr / warmup_factor; 1 or more."),
    )

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        super().__post_init__()
        check_learning_rate("end_fraction", self.end_fraction, at_least=0)
        if self.decay_epochs != -1:
            check_learning_rate("decay_epochs", self.decay_epochs, at_least=1, hint="-1: all epochs.")
        check_learning_rate("warmup_epochs", self.warmup_epochs, at_least=0)
        check_learning_rate("warmup_factor", self.warmup_factor, at_least=1)

    def exponent(self) -> float:
        """Return the power of the curve."""
        return 1.0

    @staticmethod
    def cls() -> "Type[LearningRateSchedule]":
        """Return the schedule's class."""
        from tfaip.trainer.scheduler.polynomial import PolynomialSchedule

        return PolynomialSchedule


@pai_dataclass(alt="Polynomial")
@dataclass
class PolynomialParams(LinearParams):
    """From `lr` to `lr * end_fraction` with a power of what is left of the epochs."""

    power: float = field(
        default=2.0,
        metadata=pai_meta(help="Power of the curve; 1 is a line, more falls faster at first."),
    )

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        super().__post_init__()
        check_learning_rate("power", self.power, more_than=0)

    def exponent(self) -> float:
        """Return the power of the curve."""
        return self.power

"""Params of the learning-rate range test."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Type

from paiargparse import pai_dataclass, pai_meta

from tfaip.errors import UsageError
from tfaip.params.checks import check_number
from tfaip.trainer.scheduler.learningrate_params import LearningRateParams

if TYPE_CHECKING:
    from tfaip.trainer.scheduler.learningrate import LearningRateSchedule


@pai_dataclass
@dataclass
class RangeTestParams:
    """Which learning rates are tried, and where the curve goes."""

    lowest: float = field(
        default=1e-6,
        metadata=pai_meta(help="Learning rate of the first update."),
    )
    highest: float = field(
        default=1.0,
        metadata=pai_meta(help="Learning rate of the last update; it rises by the same factor each time."),
    )
    updates: int = field(
        default=100,
        metadata=pai_meta(help="Updates in all; 10 or more."),
    )
    smoothing: float = field(
        default=0.9,
        metadata=pai_meta(help="Decay of the running mean of the loss, in [0, 1); 0: no smoothing."),
    )
    stop_factor: float = field(
        default=4.0,
        metadata=pai_meta(help="Stop as soon as the smoothed loss is this many times its best value so far."),
    )
    output: str = field(
        default="lr_range",
        metadata=pai_meta(help="Where the curve goes: OUTPUT.csv and OUTPUT.png."),
    )

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        check_number("--range_test.lowest", self.lowest, more_than=0)
        check_number("--range_test.highest", self.highest, more_than=0)
        check_number("--range_test.updates", self.updates, at_least=10)
        check_number("--range_test.smoothing", self.smoothing, at_least=0, less_than=1)
        check_number("--range_test.stop_factor", self.stop_factor, more_than=1)
        if self.lowest >= self.highest:
            raise UsageError(
                f"`--range_test.lowest` ({self.lowest}) must be below `--range_test.highest` "
                f"({self.highest})."
            )


@pai_dataclass
@dataclass
class RisingLearningRateParams(LearningRateParams):
    """A rate that rises by the same factor with each update."""

    lowest: float = 1e-6
    highest: float = 1.0
    updates: int = 100

    @staticmethod
    def cls() -> "Type[LearningRateSchedule]":
        """Return the schedule's class."""
        from tfaip.trainer.range_test import RisingSchedule

        return RisingSchedule

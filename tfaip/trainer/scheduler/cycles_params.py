"""Params of the learning rates that rise and fall again."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Type

from paiargparse import pai_dataclass, pai_meta

from tfaip.trainer.scheduler.learningrate_params import LearningRateParams, check_learning_rate

if TYPE_CHECKING:
    from tfaip.trainer.scheduler.learningrate import LearningRateSchedule


@pai_dataclass(alt="Cyclic")
@dataclass
class CyclicParams(LearningRateParams):
    """A rise from `lr / low_factor` to `lr` and a fall back, again and again."""

    cycle_epochs: int = field(
        default=8,
        metadata=pai_meta(help="Epochs of a whole cycle: half of them up, half of them down; 2 or more."),
    )
    low_factor: float = field(
        default=10.0,
        metadata=pai_meta(help="A cycle starts and ends at lr / low_factor; 1 or more."),
    )
    cycle_decay: float = field(
        default=1.0,
        metadata=pai_meta(help="Factor for the height of each further cycle, in (0, 1]; 0.5 halves it."),
    )

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        super().__post_init__()
        check_learning_rate("cycle_epochs", self.cycle_epochs, at_least=2)
        check_learning_rate("low_factor", self.low_factor, at_least=1)
        check_learning_rate("cycle_decay", self.cycle_decay, more_than=0, at_most=1)

    @staticmethod
    def cls() -> "Type[LearningRateSchedule]":
        """Return the schedule's class."""
        from tfaip.trainer.scheduler.cycles import CyclicSchedule

        return CyclicSchedule


@pai_dataclass(alt="OneCycle")
@dataclass
class OneCycleParams(LearningRateParams):
    """One rise from `lr / start_factor` to `lr`, then a fall to `lr / end_factor`, both half a cosine."""

    rising_share: float = field(
        default=0.3,
        metadata=pai_meta(help="Share of all epochs in which the rate rises, in [0, 1)."),
    )
    start_factor: float = field(
        default=25.0,
        metadata=pai_meta(help="The training starts at lr / start_factor; 1 or more."),
    )
    end_factor: float = field(
        default=1e5,
        metadata=pai_meta(help="The training ends at lr / end_factor; 1 or more."),
    )

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        super().__post_init__()
        check_learning_rate("rising_share", self.rising_share, at_least=0, less_than=1)
        check_learning_rate("start_factor", self.start_factor, at_least=1)
        check_learning_rate("end_factor", self.end_factor, at_least=1)

    @staticmethod
    def cls() -> "Type[LearningRateSchedule]":
        """Return the schedule's class."""
        from tfaip.trainer.scheduler.cycles import OneCycleSchedule

        return OneCycleSchedule

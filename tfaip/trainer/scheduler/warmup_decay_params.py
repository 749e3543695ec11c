"""Params of the schedule that transformers were first trained with."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Type

from paiargparse import pai_dataclass, pai_meta

from tfaip.errors import UsageError
from tfaip.trainer.scheduler.learningrate_params import LearningRateParams

if TYPE_CHECKING:
    from tfaip.trainer.scheduler.learningrate import LearningRateSchedule


@pai_dataclass(alt="WarmupDecay")
@dataclass
class WarmupDecayParams(LearningRateParams):
    """A linear warm-up to `lr`, then a decay with the inverse square root of the step."""

    warmup_epochs: int = field(
        default=-1,
        metadata=pai_meta(
            help="Epochs until the rate is lr; give either this or warmup_steps. -1: not given."
        ),
    )
    warmup_steps: int = field(
        default=-1,
        metadata=pai_meta(
            help="Steps until the rate is lr; give either this or warmup_epochs. -1: not given."
        ),
    )

    def __post_init__(self) -> None:
        """Refuse a warm-up that is given twice."""
        super().__post_init__()
        if self.warmup_epochs > 0 and self.warmup_steps > 0:
            raise UsageError(
                "The warm-up is given twice: `--learning_rate.warmup_epochs` "
                f"({self.warmup_epochs}) and `--learning_rate.warmup_steps` ({self.warmup_steps}). "
                "Remove one of them."
            )

    def num_warmup_steps(self) -> int:
        """Return the steps until the rate is `lr`; `steps_per_epoch` must be set."""
        num_steps = self.warmup_steps
        if self.warmup_epochs > 0:
            num_steps = self.steps_per_epoch * self.warmup_epochs
        if num_steps <= 0:
            raise UsageError(
                "`WarmupDecay` needs the length of its warm-up: set "
                "`--learning_rate.warmup_epochs` or `--learning_rate.warmup_steps` to 1 or more."
            )
        return num_steps

    @staticmethod
    def cls() -> "Type[LearningRateSchedule]":
        """Return the schedule's class."""
        from tfaip.trainer.scheduler.warmup_decay import WarmupDecaySchedule

        return WarmupDecaySchedule

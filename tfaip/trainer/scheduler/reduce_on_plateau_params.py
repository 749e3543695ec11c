"""Params of the learning rate that falls when a value no longer improves."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Type

from paiargparse import pai_dataclass, pai_meta

from tfaip.params.checks import check_one_of
from tfaip.trainer.scheduler.learningrate_params import LearningRateParams, check_learning_rate

if TYPE_CHECKING:
    from tfaip.trainer.scheduler.learningrate import LearningRateSchedule


@pai_dataclass(alt="ReduceOnPlateau")
@dataclass
class ReduceOnPlateauParams(LearningRateParams):
    """`lr`, times `factor` whenever a logged value has not improved for `patience` epochs."""

    monitor: str = field(
        default="loss/mean_epoch",
        metadata=pai_meta(
            help="Name of the logged value: the training loss, or for example val_loss/mean_epoch."
        ),
    )
    monitor_mode: str = field(
        default="min",
        metadata=pai_meta(choices=["min", "max"], help="Whether smaller or larger values are better."),
    )
    factor: float = field(
        default=0.5,
        metadata=pai_meta(help="Factor of each reduction, in (0, 1)."),
    )
    patience: int = field(
        default=5,
        metadata=pai_meta(help="Epochs in a row without improvement after which the rate is reduced."),
    )
    min_delta: float = field(
        default=1e-4,
        metadata=pai_meta(help="A value must be better than the best one by more than this."),
    )
    cooldown: int = field(
        default=0,
        metadata=pai_meta(help="Epochs after a reduction that do not count."),
    )
    min_lr: float = field(
        default=0.0,
        metadata=pai_meta(help="The rate is never reduced below this."),
    )

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        super().__post_init__()
        check_one_of("--learning_rate.monitor_mode", self.monitor_mode, ("min", "max"))
        check_learning_rate("factor", self.factor, more_than=0, less_than=1)
        check_learning_rate("patience", self.patience, at_least=1)
        check_learning_rate("min_delta", self.min_delta, at_least=0)
        check_learning_rate("cooldown", self.cooldown, at_least=0)
        check_learning_rate("min_lr", self.min_lr, at_least=0)

    @staticmethod
    def cls() -> "Type[LearningRateSchedule]":
        """Return the schedule's class."""
        from tfaip.trainer.scheduler.reduce_on_plateau import ReduceOnPlateauSchedule

        return ReduceOnPlateauSchedule

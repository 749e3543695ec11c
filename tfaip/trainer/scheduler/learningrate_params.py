"""What all learning-rate schedules have in common."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Type

from paiargparse import pai_dataclass, pai_meta

from tfaip.errors import UsageError
from tfaip.params.checks import check_number

if TYPE_CHECKING:
    from tfaip.trainer.scheduler.learningrate import LearningRateSchedule


@pai_dataclass
@dataclass
class LearningRateParams:
    """A learning rate and how the epochs are counted for which it is computed."""

    lr: float = field(
        default=0.001,
        metadata=pai_meta(help="Base learning rate, from which the schedule starts."),
    )
    step_function: bool = field(
        default=True,
        metadata=pai_meta(
            help="Change the rate once an epoch; False: at every step, with fractions of epochs."
        ),
    )
    offset_epochs: int = field(
        default=0,
        metadata=pai_meta(help="Epochs during which the schedule stays at its start."),
    )
    steps_per_epoch: int = field(default=-1, metadata=pai_meta(mode="ignore"))
    epochs: int = field(default=-1, metadata=pai_meta(mode="ignore"))

    def __post_init__(self) -> None:
        """Refuse a learning rate that is negative or NaN; 0 keeps the weights as they are."""
        check_learning_rate("lr", self.lr, at_least=0)

    @staticmethod
    def cls() -> "Type[LearningRateSchedule]":
        """Return the class of the Keras schedule that these params configure."""
        raise NotImplementedError(
            "`cls` is missing: return a subclass of "
            "`tfaip.trainer.scheduler.learningrate.LearningRateSchedule`."
        )

    def create(self) -> "LearningRateSchedule":
        """Return the Keras schedule; the trainer has set `epochs` and `steps_per_epoch` before."""
        if self.epochs < 0 or self.steps_per_epoch <= 0:
            raise UsageError(
                "A learning-rate schedule needs the length of the training: set `epochs` (0 or "
                f"more, got {self.epochs}) and `steps_per_epoch` (1 or more, got "
                f"{self.steps_per_epoch}) before `create`. The trainer does so."
            )
        return self.cls()(self)


def check_learning_rate(name: str, value: Any, **bounds: Any) -> None:
    """Check the field `name` of a schedule as `check_number` does."""
    check_number(f"--learning_rate.{name}", value, **bounds)

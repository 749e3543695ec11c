"""The exponentially decaying learning rate."""

from typing import Any

from tfaip.trainer.scheduler.exponential_decay_params import ExponentialDecayParams
from tfaip.trainer.scheduler.learningrate import LearningRateSchedule
from tfaip.trainer.scheduler.schedules import exponential_decay


class ExponentialDecaySchedule(LearningRateSchedule):
    """A staircase: the rate is multiplied by `lr_decay_rate` after every `learning_circle` epochs."""

    params: ExponentialDecayParams

    def lr(self, epoch: Any) -> Any:
        """Return the learning rate after `epoch` epochs."""
        return exponential_decay(
            epoch,
            lr=self.params.lr,
            rate=self.params.lr_decay_rate,
            circle=self.params.learning_circle,
            min_fraction=self.params.decay_min_fraction,
        )

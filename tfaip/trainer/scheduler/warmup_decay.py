"""The learning rate with a linear warm-up and an inverse square root."""

from typing import Any

from tfaip.trainer.scheduler.learningrate import LearningRateSchedule
from tfaip.trainer.scheduler.schedules import warmup_decay
from tfaip.trainer.scheduler.warmup_decay_params import WarmupDecayParams


class WarmupDecaySchedule(LearningRateSchedule):
    """A linear rise to the base rate, then a fall with the inverse square root of the step."""

    params: WarmupDecayParams

    def lr(self, epoch: Any) -> Any:
        """Return the learning rate after `epoch` epochs."""
        return warmup_decay(
            epoch * self.params.steps_per_epoch + 1,
            lr=self.params.lr,
            warmup_steps=self.params.num_warmup_steps(),
        )

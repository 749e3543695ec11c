"""The learning rates that fall in a straight line, or as a power of what is left."""

from typing import Any

from tfaip.trainer.scheduler.learningrate import LearningRateSchedule
from tfaip.trainer.scheduler.polynomial_params import LinearParams
from tfaip.trainer.scheduler.schedules import polynomial_decay


class PolynomialSchedule(LearningRateSchedule):
    """A warm-up, then a fall with a power of what is left of the epochs; with power 1 it is a line."""

    params: LinearParams

    def lr(self, epoch: Any) -> Any:
        """Return the learning rate after `epoch` epochs."""
        p = self.params
        rest = max(p.epochs - p.warmup_epochs, 1)
        return polynomial_decay(
            epoch,
            lr=p.lr,
            end_fraction=p.end_fraction,
            decay_epochs=p.decay_epochs if p.decay_epochs > 0 else rest,
            power=p.exponent(),
            warmup_epochs=p.warmup_epochs,
            warmup_factor=p.warmup_factor,
        )

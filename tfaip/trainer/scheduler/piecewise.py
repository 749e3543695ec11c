"""The learning rate that changes at given epochs."""

from typing import Any

from tfaip.trainer.scheduler.learningrate import LearningRateSchedule
from tfaip.trainer.scheduler.piecewise_params import PiecewiseParams
from tfaip.trainer.scheduler.schedules import steps


class PiecewiseSchedule(LearningRateSchedule):
    """Constant between the boundaries."""

    params: PiecewiseParams

    def lr(self, epoch: Any) -> Any:
        """Return the learning rate after `epoch` epochs."""
        return self.params.lr * steps(epoch, boundaries=self.params.boundaries, factors=self.params.factors)

"""The learning rates that rise and fall again."""

from typing import Any

from tfaip.trainer.scheduler.cycles_params import CyclicParams, OneCycleParams
from tfaip.trainer.scheduler.learningrate import LearningRateSchedule
from tfaip.trainer.scheduler.schedules import one_cycle, triangles


class CyclicSchedule(LearningRateSchedule):
    """Triangles between a low rate and the base rate."""

    params: CyclicParams

    def lr(self, epoch: Any) -> Any:
        """Return the learning rate after `epoch` epochs."""
        return triangles(
            epoch,
            low=self.params.lr / self.params.low_factor,
            high=self.params.lr,
            cycle_epochs=self.params.cycle_epochs,
            decay=self.params.cycle_decay,
        )


class OneCycleSchedule(LearningRateSchedule):
    """Half a cosine up to the base rate, and half a cosine down to almost nothing."""

    params: OneCycleParams

    def lr(self, epoch: Any) -> Any:
        """Return the learning rate after `epoch` epochs."""
        return one_cycle(
            epoch,
            start=self.params.lr / self.params.start_factor,
            peak=self.params.lr,
            end=self.params.lr / self.params.end_factor,
            epochs=self.params.epochs,
            rising_share=self.params.rising_share,
        )

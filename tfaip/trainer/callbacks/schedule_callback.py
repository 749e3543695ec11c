"""Tell learning-rate schedules how an epoch went."""

from collections.abc import Iterable
from typing import Any, Dict, Optional

import keras

from tfaip.trainer.scheduler.learningrate import LearningRateSchedule


class ScheduleCallback(keras.callbacks.Callback):
    """At the end of each epoch, hand its logs to schedules that follow what is logged."""

    def __init__(self, schedules: Iterable[LearningRateSchedule]):
        super().__init__()
        self._schedules = list(schedules)

    def on_epoch_end(self, epoch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        """Let each schedule take note of the logs."""
        for schedule in self._schedules:
            schedule.epoch_finished(epoch, logs or {})

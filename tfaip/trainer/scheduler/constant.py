"""The constant learning rate."""

from typing import Any

import tensorflow as tf

from tfaip.trainer.scheduler.constant_params import Constant
from tfaip.trainer.scheduler.learningrate import LearningRateSchedule


class ConstantSchedule(LearningRateSchedule):
    """The base learning rate, always."""

    params: Constant

    def lr(self, epoch: Any) -> Any:
        """Return the base learning rate."""
        return self.params.lr * tf.ones_like(tf.cast(epoch, tf.float32))

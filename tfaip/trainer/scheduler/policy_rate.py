"""A learning rate that a policy sets."""

from typing import Any

from tfaip.model.named_values import NamedValues
from tfaip.trainer.policies.value_params import LEARNING_RATE
from tfaip.trainer.scheduler.learningrate import LearningRateSchedule


class PolicyRate(LearningRateSchedule):
    """The value of the policy `learning_rate`; until one follows it, the rate of another schedule.

    Args:
        schedule: The other one; its params are kept.
        values: Where policies put their values.
    """

    def __init__(self, schedule: LearningRateSchedule, values: NamedValues) -> None:
        super().__init__(schedule.params, schedule.name, batches_per_update=schedule.batches_per_update)
        self._schedule = schedule
        self._values = values

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of the update that follows after `step` updates."""
        rate = self._values.followed(LEARNING_RATE)
        return self._schedule(step) if rate is None else rate

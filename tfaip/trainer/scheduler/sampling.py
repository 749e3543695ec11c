"""Which learning rates a training would have."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tfaip.trainer.scheduler.learningrate import LearningRateSchedule

_MOST_POINTS = 1000


@dataclass(frozen=True)
class Rates:
    """The learning rates of a stretch of a training.

    Attributes:
        epoch: Epochs that are done at its start, with fractions.
        until: Epochs that are done at its end.
        step: Batches that are done at its start.
        rates: The rates at its start by name.
    """

    epoch: float
    until: float
    step: int
    rates: Mapping[str, float]


def sample_rates(schedules: Mapping[str, LearningRateSchedule]) -> list[Rates]:
    """Return the rates of each epoch, or of up to a thousand stretches if a schedule follows the steps.

    The params of the schedules know the length of the training.
    """
    params = next(iter(schedules.values())).params
    total = params.epochs * params.steps_per_epoch
    if all(schedule.params.step_function for schedule in schedules.values()):
        borders = list(range(0, total + 1, params.steps_per_epoch))
    else:
        borders = np.unique(np.linspace(0, total, _MOST_POINTS + 1).astype(int)).tolist()
    return [
        Rates(
            step / params.steps_per_epoch,
            end / params.steps_per_epoch,
            step,
            {name: float(s(step // s.batches_per_update)) for name, s in schedules.items()},
        )
        for step, end in pairwise(borders)
    ]

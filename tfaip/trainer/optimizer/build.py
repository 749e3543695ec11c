"""From params to the Keras optimizer that trains."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras

from tfaip.trainer.params import TrainerParams
from tfaip.trainer.scheduler.learningrate import LearningRateSchedule


@dataclass(frozen=True)
class BuiltOptimizer:
    """The optimizer of a training, and its learning-rate schedules by the names of their rates in logs."""

    optimizer: keras.optimizers.Optimizer
    schedules: Mapping[str, LearningRateSchedule]


def build_optimizer(params: TrainerParams) -> BuiltOptimizer:
    """Return the optimizer of a training, with its learning-rate schedule and gradient accumulation.

    The schedule's `epochs` and `steps_per_epoch` must be set.
    """
    cls, arguments = params.optimizer.create()
    schedule = params.learning_rate.create()
    arguments = {**arguments, "learning_rate": schedule}
    return BuiltOptimizer(cls(**arguments, **_accumulation(params.train_accum_steps)), {"lr": schedule})


def _accumulation(steps: int) -> dict[str, Any]:
    return {"gradient_accumulation_steps": steps} if steps > 1 else {}

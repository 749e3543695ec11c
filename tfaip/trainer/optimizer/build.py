"""From params to the Keras optimizer that trains."""

from typing import Any

import keras

from tfaip.trainer.params import TrainerParams


def build_optimizer(params: TrainerParams) -> keras.optimizers.Optimizer:
    """Return the optimizer of a training, with its learning-rate schedule and gradient accumulation.

    The schedule's `epochs` and `steps_per_epoch` must be set.
    """
    cls, arguments = params.optimizer.create()
    arguments = {**arguments, "learning_rate": params.learning_rate.create()}
    return cls(**arguments, **_accumulation(params.train_accum_steps))


def _accumulation(steps: int) -> dict[str, Any]:
    return {"gradient_accumulation_steps": steps} if steps > 1 else {}

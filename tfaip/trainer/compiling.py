"""What a model gets before it trains: optimizer, averages of its weights, and sums of gradients."""

import logging
from collections.abc import Mapping
from typing import Any, Optional

import keras

from tfaip.errors import UsageError
from tfaip.model.gradient_accumulation import GradientAccumulation
from tfaip.model.training_model import TrainingModel
from tfaip.model.weight_average import JudgedWeights, WeightAverage, automatic_decay
from tfaip.trainer.checkpoints import canonical_names
from tfaip.trainer.optimizer.build import BuiltOptimizer, build_optimizer
from tfaip.trainer.optimizer.grouped import innermost
from tfaip.trainer.optimizer.schedule_free import ScheduleFreeAdamW, ScheduleFreeAverage
from tfaip.trainer.params import TrainerParams

logger = logging.getLogger(__name__)


def optimizer_for(params: TrainerParams, model: TrainingModel) -> BuiltOptimizer:
    """Return the optimizer that `params` describe, which knows the weights of `model` by their names."""
    variables = model.root.variables
    names: Mapping[int, str] = dict(zip(map(id, variables), canonical_names(variables), strict=True))
    return build_optimizer(params, dict(names), model.values)


def average_for(
    params: TrainerParams, model: TrainingModel, optimizer: keras.optimizers.Optimizer, steps_per_epoch: int
) -> Optional[JudgedWeights]:
    """Return the weights with which the model is judged, if they are others than those that train."""
    return _own_average(params, optimizer) or _moving_average(params, model, steps_per_epoch)


def accumulation_for(params: TrainerParams, model: TrainingModel) -> Optional[GradientAccumulation]:
    """Return the sums of gradients, if several batches make an update."""
    num_batches = params.train_accum_steps
    return None if num_batches == 1 else GradientAccumulation(model.trained_variables, num_batches)


def _moving_average(
    params: TrainerParams, model: TrainingModel, steps_per_epoch: int
) -> Optional[WeightAverage]:
    decay = params.ema_decay
    if decay == 0:
        return None
    if decay < 0:
        batch = params.gen.setup.train.batch_size
        decay = automatic_decay(batch, batch * steps_per_epoch)
        logger.info("Weights are averaged with the automatic decay %.5f.", decay)
    return WeightAverage(model.trainable_variables, decay)


def _own_average(params: TrainerParams, optimizer: Any) -> Optional[JudgedWeights]:
    """Return the averages of optimizers that average by themselves, if there are any."""
    found = [one for one in innermost(optimizer) if isinstance(one, ScheduleFreeAdamW)]
    if not found:
        return None
    if params.ema_decay != 0:
        raise UsageError(
            "`ScheduleFreeAdamW` averages the weights by itself: set `--trainer.ema_decay 0`, or choose "
            "another `--optimizer`."
        )
    return ScheduleFreeAverage(found)

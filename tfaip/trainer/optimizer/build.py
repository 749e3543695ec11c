"""From params to the Keras optimizer that trains."""

from collections.abc import Mapping
from dataclasses import dataclass

import keras

from tfaip.model.named_values import NamedValues
from tfaip.trainer.optimizer.grouped import GroupedOptimizer, Part, create_optimizer
from tfaip.trainer.params import TrainerParams
from tfaip.trainer.policies.value_params import LEARNING_RATE
from tfaip.trainer.scheduler.learningrate import LearningRateSchedule
from tfaip.trainer.scheduler.learningrate_params import LearningRateParams
from tfaip.trainer.scheduler.policy_rate import PolicyRate


@dataclass(frozen=True)
class BuiltOptimizer:
    """The optimizer of a training, and its learning-rate schedules by the names of their rates in logs."""

    optimizer: keras.optimizers.Optimizer
    schedules: Mapping[str, LearningRateSchedule]


def build_optimizer(
    params: TrainerParams, names: Mapping[int, str] | None = None, values: NamedValues | None = None
) -> BuiltOptimizer:
    """Return the optimizer of a training with its learning-rate schedules.

    A plain Keras optimizer, unless there are groups of variables or optimizers for parts of the model.

    Args:
        params: The schedule's `epochs` and `steps_per_epoch` must be set.
        names: The names of variables, which patterns are for, by their ids.
        values: The values of policies, one of which may be the learning rate.
    """
    parts = _parts(params, values)
    schedules = {part.name: part.schedule for part in parts}
    if len(parts) > 1 or params.optimizer.group_rules():
        return BuiltOptimizer(GroupedOptimizer(parts, names), schedules)
    return BuiltOptimizer(create_optimizer(parts[0], clips_globally=True), schedules)


def build_schedules(params: TrainerParams) -> Mapping[str, LearningRateSchedule]:
    """Return the learning-rate schedules of a training by the names of their rates, the main one first."""
    return {part.name: part.schedule for part in _parts(params)}


def _parts(params: TrainerParams, values: NamedValues | None = None) -> list[Part]:
    main = _schedule(params, params.learning_rate)
    if values is not None and LEARNING_RATE in {getattr(one, "name", None) for one in params.policies}:
        main = PolicyRate(main, values)
    parts = [Part(params.optimizer, main)]
    for part in params.part_optimizers:
        part.check()
        part.learning_rate.epochs = params.learning_rate.epochs
        part.learning_rate.steps_per_epoch = params.learning_rate.steps_per_epoch
        schedule = _schedule(params, part.learning_rate)
        parts.append(Part(part.optimizer, schedule, part.variables, f"lr/{part.variables}"))
    return parts


def _schedule(params: TrainerParams, learning_rate: LearningRateParams) -> LearningRateSchedule:
    schedule = learning_rate.create()
    schedule.batches_per_update = params.train_accum_steps
    return schedule

"""The learning-rate range test: which rates let the loss fall, and which let it explode."""

import contextlib
import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tfaip.model.metric_books import TOTAL_LOSS
from tfaip.trainer.checkpoints import named_tensors
from tfaip.trainer.range_test_params import RangeTestParams, RisingLearningRateParams
from tfaip.trainer.scheduler.learningrate import LearningRateSchedule
from tfaip.trainer.trainer import Trainer

logger = logging.getLogger(__name__)

_FEWEST_UPDATES = 10  # the smoothed loss of fewer is mostly noise
_NOISY_SHARE = 10  # the first tenth of the curve is the mean of few losses
_WINDOW_SHARE = 20  # slopes are measured over a twentieth of the curve to both sides


@dataclass(frozen=True)
class TriedRate:
    """An update: its learning rate, the loss of its samples, and the smoothed loss."""

    rate: float
    loss: float
    smoothed: float


class RisingSchedule(LearningRateSchedule):
    """From the lowest to the highest rate, by the same factor with each update."""

    params: RisingLearningRateParams

    def __call__(self, step: Any) -> Any:
        """Return the rate of the update after `step` updates."""
        p = self.params
        share = tf.cast(step, tf.float32) / (p.updates - 1)
        return p.lowest * tf.pow(tf.constant(p.highest / p.lowest, tf.float32), share)


def range_test(trainer: Trainer, params: RangeTestParams) -> list[TriedRate]:
    """Train with a rising learning rate, and return what came of each; the weights stay as they are.

    The test ends before the highest rate if the loss explodes or is not finite. Optimizers for parts of the
    model keep their own rates. `trainer` must be new, and cannot train afterwards.

    Source: Smith, "Cyclical Learning Rates for Training Neural Networks", WACV 2017, section 3.3.
    """
    trainer.params.learning_rate = RisingLearningRateParams(
        lowest=params.lowest, highest=params.highest, updates=params.updates
    )
    trainer.prepare()
    model: Any = trainer.scenario.keras_train_model
    with kept_state(model), trainer.open_batches() as batches:
        return list(_tried_rates(model, iter(batches), trainer, params))


@contextlib.contextmanager
def kept_state(model: Any) -> Iterator[None]:
    """Put weights, optimizer and averages of a training model back at the end of the block."""
    kept = {name: tf.identity(tensor) for name, tensor in named_tensors(model).items()}
    try:
        yield
    finally:
        for name, tensor in named_tensors(model).items():
            tensor.assign(kept[name])


def suggested_rate(tried: Sequence[TriedRate]) -> float | None:
    """Return the rate at which the smoothed loss falls fastest, before its minimum; `None` if it never falls.

    As the rates rise by a constant factor, that is the steepest slope over their logarithm.
    """
    start, window = len(tried) // _NOISY_SHARE, max(1, len(tried) // _WINDOW_SHARE)
    losses = np.array([one.smoothed for one in tried[start:]])
    falling = losses[: int(np.argmin(losses)) + 1] if len(losses) else losses
    if len(falling) <= 2 * window:
        return None
    slopes = falling[2 * window :] - falling[: -2 * window]
    steepest = int(np.argmin(slopes))
    return tried[start + steepest + window].rate if slopes[steepest] < 0 else None


def _tried_rates(
    model: Any, batches: Iterator[Any], trainer: Trainer, params: RangeTestParams
) -> Iterator[TriedRate]:
    mean, best = 0.0, math.inf
    for update in range(params.updates):
        rate = float(model.optimizer.learning_rate)
        model.reset_metrics()
        steps = model.run_train_steps(batches, trainer.params.train_accum_steps)
        loss = float(steps.logs[TOTAL_LOSS])
        mean = params.smoothing * mean + (1 - params.smoothing) * loss
        smoothed = mean / (1 - params.smoothing ** (update + 1))
        if not steps.may_go_on or not math.isfinite(smoothed):
            logger.info("The loss is not finite at a learning rate of %.3g.", rate)
            return
        yield TriedRate(rate, loss, smoothed)
        best = min(best, smoothed)
        if update >= _FEWEST_UPDATES and smoothed - best > (params.stop_factor - 1) * abs(best):
            logger.info("The loss explodes at a learning rate of %.3g.", rate)
            return

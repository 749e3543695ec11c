"""The learning rate that falls when a value no longer improves."""

import logging
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from tfaip.trainer.scheduler.learningrate import LearningRateSchedule
from tfaip.trainer.scheduler.reduce_on_plateau_params import ReduceOnPlateauParams

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plateau:
    """What is known after an epoch.

    Attributes:
        scale: What the base rate is multiplied with.
        best: The best value so far.
        wait: Epochs since, as far as they count.
        cooldown: Epochs that will not count.
    """

    scale: float = 1.0
    best: float | None = None
    wait: int = 0
    cooldown: int = 0


def after_epoch(before: Plateau, value: float, params: ReduceOnPlateauParams) -> Plateau:
    """Return what is known after an epoch with `value`; one that is not finite is never better."""
    cooldown = max(before.cooldown - 1, 0)
    if _is_better(before.best, value, params):
        return replace(before, best=value, wait=0, cooldown=cooldown)
    if cooldown > 0:
        return replace(before, wait=0, cooldown=cooldown)
    wait = (0 if before.cooldown > 0 else before.wait) + 1
    if wait < params.patience or params.lr * before.scale <= params.min_lr:
        return replace(before, wait=wait, cooldown=0)
    return replace(before, scale=before.scale * params.factor, wait=0, cooldown=params.cooldown)


def _is_better(best: float | None, value: float, params: ReduceOnPlateauParams) -> bool:
    if not math.isfinite(value):
        return False
    if best is None:
        return True
    gain = best - value if params.monitor_mode == "min" else value - best
    return gain > params.min_delta


class ReduceOnPlateauSchedule(LearningRateSchedule):
    """The base rate, reduced after epochs without improvement; the state is saved with each checkpoint."""

    params: ReduceOnPlateauParams

    def __init__(self, params: ReduceOnPlateauParams, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(params, name, **kwargs)
        self._plateau = Plateau()
        self._scale = tf.Variable(tf.constant(1.0), trainable=False)  # read by the compiled step
        self._has_warned = False

    def lr(self, epoch: Any) -> Any:
        """Return the current rate."""
        return tf.maximum(self.params.lr * self._scale, min(self.params.min_lr, self.params.lr))

    def epoch_finished(self, epoch: int, logs: Mapping[str, Any]) -> None:
        """Reduce the rate if the monitored value has not improved for long enough."""
        if epoch < self.params.offset_epochs:
            return
        value = logs.get(self.params.monitor)
        if value is None:
            self._report_missing(logs)
            return
        before = self._plateau
        self._set(after_epoch(before, float(np.mean(value)), self.params))
        if self._plateau.scale < before.scale:
            logger.info(
                "`%s` has not improved on %.6g in %d epochs: the learning rate is reduced to %g.",
                self.params.monitor,
                math.nan if before.best is None else before.best,
                self.params.patience,
                float(self.lr(epoch)),
            )

    def state(self) -> dict[str, Any]:
        """Return scale, best value and counts."""
        return asdict(self._plateau)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""
        self._set(Plateau(**state))

    def _set(self, plateau: Plateau) -> None:
        self._plateau = plateau
        self._scale.assign(plateau.scale)

    def _report_missing(self, logs: Mapping[str, Any]) -> None:
        """Say once that the value is not there; an epoch without validation is no mistake."""
        is_validation = self.params.monitor.startswith("val_")
        if self._has_warned or (is_validation and not any(name.startswith("val_") for name in logs)):
            return
        self._has_warned = True
        logger.warning(
            "`%s`, by which the learning rate is reduced, is not logged; there are: %s. "
            "Correct `--learning_rate.monitor`.",
            self.params.monitor,
            ", ".join(sorted(logs)),
        )

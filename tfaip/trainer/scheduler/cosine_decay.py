"""The learning rates that end in half a cosine.

`decay_min_fraction` is a lower bound here as it is for the exponential decay (in tfaip 1.x it had no effect):
after the warm-up, no rate is below that share of the base rate.
"""

from typing import Any

from tfaip.trainer.scheduler.cosine_decay_params import (
    CosineDecayParams,
    WarmupConstantCosineDecayParams,
    WarmupCosineDecayParams,
)
from tfaip.trainer.scheduler.learningrate import LearningRateSchedule
from tfaip.trainer.scheduler.schedules import warmup_cosine_decay


class CosineDecaySchedule(LearningRateSchedule):
    """A staircase decay, and half a cosine over the last epochs."""

    params: CosineDecayParams

    def lr(self, epoch: Any) -> Any:
        """Return the learning rate after `epoch` epochs."""
        return warmup_cosine_decay(epoch, **_decay_and_cosine(self.params))


class WarmupCosineDecaySchedule(LearningRateSchedule):
    """A warm-up, a staircase decay, and half a cosine over the last epochs."""

    params: WarmupCosineDecayParams

    def lr(self, epoch: Any) -> Any:
        """Return the learning rate after `epoch` epochs."""
        return warmup_cosine_decay(epoch, **_decay_and_cosine(self.params), **_warmup(self.params))


class WarmupConstantCosineDecaySchedule(LearningRateSchedule):
    """A warm-up, a constant phase, a staircase decay, and half a cosine over the last epochs."""

    params: WarmupConstantCosineDecayParams

    def lr(self, epoch: Any) -> Any:
        """Return the learning rate after `epoch` epochs."""
        return warmup_cosine_decay(
            epoch,
            **_decay_and_cosine(self.params),
            **_warmup(self.params),
            constant_epochs=self.params.constant_epochs,
        )


def _decay_and_cosine(params: CosineDecayParams) -> dict[str, Any]:
    return {
        "lr": params.lr,
        "rate": params.lr_decay_rate,
        "circle": params.learning_circle,
        "min_fraction": params.decay_min_fraction,
        "epochs": params.epochs,
        "final_epochs": params.final_epochs,
        "alpha": params.alpha,
    }


def _warmup(params: WarmupCosineDecayParams) -> dict[str, Any]:
    return {"warmup_epochs": params.warmup_epochs, "warmup_factor": params.warmup_factor}

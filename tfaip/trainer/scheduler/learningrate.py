"""The base of all learning-rate schedules."""

from collections.abc import Mapping
from typing import Any, Optional

import keras
import tensorflow as tf

from tfaip.params.stored_params import params_from_stored
from tfaip.trainer.scheduler.learningrate_params import LearningRateParams
from tfaip.trainer.scheduler.schedules import epochs_done


class LearningRateSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate as a function of the epochs that are done; override `lr`.

    A schedule may also follow what is logged: then override `epoch_finished`, and `state` and `restore`, so
    that a resumed training goes on with it.

    Args:
        params: The schedule's params; the object itself is kept. `epochs` and `steps_per_epoch` must be set.
        name: A name for the schedule.
        batches_per_update: Batches whose gradients make up one update; epochs are counted in batches.
    """

    def __init__(
        self,
        params: LearningRateParams,
        name: Optional[str] = None,
        *,
        batches_per_update: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.params = params
        self.name = name
        self.batches_per_update = batches_per_update

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of the update that follows after `step` updates."""
        e = epochs_done(
            tf.cast(step, tf.int64) * self.batches_per_update,
            steps_per_epoch=self.params.steps_per_epoch,
            offset_epochs=self.params.offset_epochs,
            whole=self.params.step_function,
        )
        return self.lr(e)

    def lr(self, epoch: Any) -> Any:
        """Return the learning rate after `epoch` epochs.

        Args:
            epoch: A scalar tensor, floating point; with `step_function` a whole number.

        Returns:
            A scalar tensor.
        """
        raise NotImplementedError(
            f"`{type(self).__name__}.lr` is missing: return the learning rate for the scalar tensor `epoch`."
        )

    def epoch_finished(self, epoch: int, logs: Mapping[str, Any]) -> None:
        """Take note of the logs of an epoch, counted from 0; called before its checkpoint is written."""

    def state(self) -> dict[str, Any]:
        """Return what `epoch_finished` has changed, as plain values for the checkpoint."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned when the checkpoint was written."""

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, the params as a dict."""
        return {
            "params": self.params.to_dict(),  # type: ignore[attr-defined]
            "name": self.name,
            "batches_per_update": self.batches_per_update,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "LearningRateSchedule":
        """Return the schedule that `get_config` described."""
        params = params_from_stored(LearningRateParams, config["params"])
        return cls(**{**config, "params": params})

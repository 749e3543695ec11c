"""The base of all learning-rate schedules."""

from typing import Any, Optional

import keras

from tfaip.trainer.scheduler.learningrate_params import LearningRateParams
from tfaip.trainer.scheduler.schedules import epochs_done


class LearningRateSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate as a function of the epochs that are done; override `lr`.

    Args:
        params: The schedule's params; the object itself is kept. `epochs` and `steps_per_epoch` must be set.
        name: A name for the schedule.
    """

    def __init__(self, params: LearningRateParams, name: Optional[str] = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.params = params
        self.name = name

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of the update that follows after `step` updates."""
        e = epochs_done(
            step,
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

    def get_config(self) -> dict[str, Any]:
        """Return the params as a dict, and the name."""
        return {"params": self.params.to_dict(), "name": self.name}  # type: ignore[attr-defined]

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "LearningRateSchedule":
        """Return the schedule that `get_config` described."""
        params = LearningRateParams.from_dict(config["params"])  # type: ignore[attr-defined]
        return cls(**{**config, "params": params})

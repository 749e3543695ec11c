"""Let the model hold the average of its weights where it is judged, and the raw weights where it trains."""

import logging
import math
from typing import Any, Dict, Optional

import keras

from tfaip.model.weight_average import JudgedWeights

logger = logging.getLogger(__name__)


class EMACallback(keras.callbacks.Callback):
    """Validation runs with the averages, and so does everything from the end of an epoch to the next one."""

    def __init__(self, average: JudgedWeights):
        super().__init__()
        self.average = average

    def on_test_begin(self, logs: Optional[Dict[str, Any]] = None) -> None:
        """Put the averages into the model."""
        self.average.activate()

    def on_test_end(self, logs: Optional[Dict[str, Any]] = None) -> None:
        """Put the raw weights back; a validation with averages that are not finite is marked as NaN."""
        self.average.deactivate()
        spoiled = self.average.restart_non_finite()
        if spoiled:
            logger.warning(
                "There were NaN or infinite numbers in the averages of %s. The validation is invalid; "
                "the averages start anew from the weights.",
                ", ".join(spoiled),
            )
            for name in logs or {}:
                logs[name] = math.nan  # type: ignore[index]

    def on_abandoned(self, epoch: int, done: int) -> None:
        """Put the raw weights back, which are saved."""
        self.average.deactivate()

    def on_epoch_begin(self, epoch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        """Put the raw weights back: the training goes on from them."""
        self.average.deactivate()

    def on_step_boundary(self, epoch: int, done: int, must_save: bool) -> None:
        """Put the raw weights back, if they are saved after an epoch and before the next one."""
        if must_save:
            self.average.deactivate()

    def on_epoch_end(self, epoch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        """Put the averages into the model, for what is exported after this epoch."""
        self.average.activate()

"""Freeze and unfreeze layers when their epoch comes."""

from typing import Any, Dict, Optional

import keras

from tfaip.scenario.freezing import TimedFreezing


class FreezingCallback(keras.callbacks.Callback):
    """At the start of each epoch, apply what `--trainer.freeze` says about it.

    Which layers are frozen follows from the number of the epoch alone, so a resumed training has nothing to
    remember.
    """

    def __init__(self, freezing: TimedFreezing):
        super().__init__()
        self._freezing = freezing

    def on_epoch_begin(self, epoch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        """Freeze and unfreeze; the training step is traced anew if anything changed."""
        model: Any = self.model
        if self._freezing.apply(epoch):
            model.retrace_training()

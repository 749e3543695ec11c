"""Take what is not for everybody's eyes out of the logs."""

from typing import Any, Dict, Optional

import keras

from tfaip.trainer.callbacks.tensor_board_data_handler import TensorBoardDataHandler

_HIDDEN = ("count",)


class ExtractLogsCallback(keras.callbacks.Callback):
    """Move the sample count and values that only TensorBoard shows out of the shared logs.

    It runs first, so no other callback sees them. Values of `TensorboardWriter`s are read when their phase
    ends, because validation uses the same writers.

    Attributes:
        extracted_logs: What was taken out in this epoch, by log name.
        shadow_logs: The logs as they came in.
        tensorboard_data_handler: Knows what only TensorBoard shows; `None` before training.
    """

    def __init__(self, test_prefix: str = "val_"):
        super().__init__()
        self.extracted_logs: Dict[str, Any] = {}
        self.shadow_logs: Dict[str, Any] = {}
        self.tensorboard_data_handler: Optional[TensorBoardDataHandler] = None
        self._test_prefix = test_prefix

    def set_model(self, model: Any) -> None:
        """Find the writers of the model."""
        super().set_model(model)
        self.tensorboard_data_handler = TensorBoardDataHandler(model)

    def on_train_begin(self, logs: Optional[Dict[str, Any]] = None) -> None:
        """Start without values."""
        self.extracted_logs, self.shadow_logs = {}, {}

    def on_epoch_begin(self, epoch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        """Start an epoch without values."""
        self.extracted_logs, self.shadow_logs = {}, {}

    def on_test_begin(self, logs: Optional[Dict[str, Any]] = None) -> None:
        """Read the writers before validation overwrites what training gave them."""
        self.extracted_logs.update(self._handler.writer_values())

    def on_test_end(self, logs: Optional[Dict[str, Any]] = None) -> None:
        """Read the writers of the validation."""
        values = self._handler.writer_values()
        self.extracted_logs.update({self._test_prefix + name: value for name, value in values.items()})

    def on_step_validation(self, epoch: int, done: int, logs: Dict[str, Any]) -> None:
        """Take out what is hidden; summaries and writers are drawn once an epoch."""
        self.extract(logs)
        self.extracted_logs = {}

    def on_epoch_end(self, epoch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        """Take out what is hidden, and read the writers if there was no validation."""
        self.extracted_logs = {**self._handler.writer_values(), **self.extracted_logs}
        self.extract(logs if logs is not None else {})

    def on_train_batch_end(self, batch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        """Take out what is hidden."""
        _remove_hidden(logs)

    def on_test_batch_end(self, batch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        """Take out what is hidden."""
        _remove_hidden(logs)

    def on_predict_batch_end(self, batch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        """Take out what is hidden."""
        _remove_hidden(logs)

    def extract(self, logs: Dict[str, Any], prefix: str = "") -> None:
        """Move hidden values and those for TensorBoard out of `logs`, in place."""
        self.shadow_logs = dict(logs)
        for name in list(logs):
            bare = name.removeprefix(self._test_prefix)
            if bare in _HIDDEN or self._handler.is_tensorboard_only(bare, logs[name]):
                self.extracted_logs[prefix + name] = logs.pop(name)

    @property
    def _handler(self) -> TensorBoardDataHandler:
        if self.tensorboard_data_handler is None:
            raise ValueError("`ExtractLogsCallback` has no model yet; it is set when training starts.")
        return self.tensorboard_data_handler


def _remove_hidden(logs: Optional[Dict[str, Any]]) -> None:
    for name in _HIDDEN:
        (logs or {}).pop(name, None)

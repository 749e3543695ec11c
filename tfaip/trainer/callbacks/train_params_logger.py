"""Write checkpoints and the parameters of a training after its epochs."""

from pathlib import Path
from typing import Any, Callable, Dict, Optional

import keras

from tfaip.files import write_json
from tfaip.trainer.checkpoints import CheckpointWriter
from tfaip.trainer.params import TrainerParams
from tfaip.trainer.run_lock import check_still_held
from tfaip.trainer.state import TrainerState


class TrainerCheckpointsCallback(keras.callbacks.Callback):
    """At the end of an epoch: capture the weights, or commit them with the state and the parameters.

    A training has two of them. The first stores weights: it runs before anything exchanges them for their
    average. The second stores params: it runs when the epoch is decided, and makes the checkpoint visible.

    Args:
        train_params: The live params of the training.
        save_freq: `"epoch"`, the number of epochs between two checkpoints, or 0 for never; the default is
            `checkpoint_save_freq` of the params.
        store_weights: Capture the weights.
        store_params: Write `trainer_params.json`, and the captured weights with the state.
        writer: Where weights go; without one only the params are written.
        state: Returns the state of the training after the epochs that are done, given their number.
    """

    def __init__(
        self,
        train_params: TrainerParams,
        save_freq: Optional[str | int] = None,
        store_weights: bool = True,
        store_params: bool = True,
        *,
        writer: Optional[CheckpointWriter] = None,
        state: Optional[Callable[[int], TrainerState]] = None,
    ):
        super().__init__()
        self.train_params = train_params
        self.log_dir = train_params.output_dir
        self._save_freq = train_params.checkpoint_save_freq if save_freq is None else save_freq
        self._store_weights = store_weights
        self._store_params = store_params
        self._writer = writer
        self._state = state or (lambda epoch: TrainerState(epoch=epoch))

    def on_epoch_end(self, epoch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        """Store what this callback is for, if this epoch is one to be stored."""
        if self._store_weights and self.log_dir is not None:
            check_still_held(Path(self.log_dir))  # before anybody creates it anew
        if self._store_weights and self._writer is not None and self._is_due(epoch):
            self._writer.capture()
        if self._store_params:
            self.train_params.current_epoch = epoch + 1
            if self.log_dir is not None and self._is_due(epoch):
                commit_checkpoint(self.train_params, self._writer, self._state(epoch + 1))

    def _is_due(self, epoch: int) -> bool:
        if self._save_freq == "epoch":
            return True
        by_steps = self.train_params.save_every_n_steps
        if by_steps > 0 and (epoch + 1) * self.params["steps"] % by_steps == 0:  # type: ignore[index]
            return True
        every = int(self._save_freq)
        return every > 0 and (epoch + 1) % every == 0


def commit_checkpoint(params: TrainerParams, writer: Optional[CheckpointWriter], state: TrainerState) -> None:
    """Write what `writer` has captured, with `state`, and the parameters.

    Args:
        params: The live params of the training; they are told where the checkpoint is.
        writer: `None`: only the parameters are written.
        state: Of the moment of the capture.
    """
    epoch = state.epoch + (state.step > 0)  # the folder of an epoch is complete with it
    sub_dir = params.checkpoint_sub_dir.format(epoch=epoch) or "."
    params.saved_checkpoint_sub_dir = sub_dir
    folder = Path(params.output_dir or ".") / sub_dir
    check_still_held(Path(params.output_dir or "."))
    files = {params.scenario.trainer_params_filename: params.to_dict()}  # type: ignore[attr-defined]
    if writer is None or not writer.commit(folder, state, files):
        for name, content in files.items():
            write_json(folder / name, content)

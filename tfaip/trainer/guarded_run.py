"""Around a training: one process in a folder, and signals that save."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from tfaip.errors import StoppedBySignal
from tfaip.model.stop_request import TrainingInterrupted
from tfaip.trainer import run_folder, stop_signals
from tfaip.trainer.params import TrainerParams
from tfaip.trainer.run_lock import locked
from tfaip.trainer.state import TrainerState


@contextlib.contextmanager
def folder_kept(params: TrainerParams, *, is_new: bool) -> Iterator[None]:
    """Keep `output_dir` for this process, unless it is in use or, for a new training, holds another one."""
    if params.output_dir is None:
        yield
        return
    with locked(Path(params.output_dir)):
        if is_new:
            run_folder.refuse_used(params)
        yield


@contextlib.contextmanager
def signals_handled(
    params: TrainerParams, state: Callable[[], TrainerState]
) -> Iterator[stop_signals.StopSignals]:
    """Let signals stop the training, and say what is saved; `state` returns that of the last checkpoint."""
    with stop_signals.handled(params.grace_seconds, lambda: run_folder.leave_at_once(params)) as signals:
        try:
            yield signals
        except (TrainingInterrupted, KeyboardInterrupt) as error:
            if signals.number is None:
                raise
            raise StoppedBySignal(signals.number, _what_is_saved(params, state(), error)) from error


def _what_is_saved(params: TrainerParams, state: TrainerState, error: BaseException) -> str:
    if isinstance(error, TrainingInterrupted):
        epoch, step, what = error.epoch, error.step, "saved"
    else:
        epoch, step, what = state.epoch, state.step, "the last checkpoint is"
    if epoch == step == 0:
        return "nothing was trained yet. Start again."
    where = f"epoch {epoch + 1} step {step}" if step else f"epoch {epoch}"
    if params.output_dir is None or not params.write_checkpoints:
        return f"nothing is saved of {where}, as no checkpoints are written."
    return f"{what} {where}; resume with `{run_folder.resume_command(params)}`."

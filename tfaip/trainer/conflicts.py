"""Params of a training that contradict each other; found before data or TensorFlow are there."""

from tfaip.errors import UsageError
from tfaip.trainer.params import TrainerParams


def check_conflicts(params: TrainerParams) -> None:
    """Refuse what can not be done together.

    It is no part of `__post_init__`, because scenarios change params after that.

    Raises:
        UsageError: It names both parameters.
    """
    _check_lav(params)
    _check_early_stopping(params)


def check_warm_start_of_resumed(stored: TrainerParams, params: TrainerParams) -> None:
    """Refuse a warm start that was asked for on a resume, whose weights would win.

    Args:
        stored: The params of the training.
        params: The same after flags changed them.

    Raises:
        UsageError: It names both.
    """
    model = params.warmstart.model
    if model is not None and model != stored.warmstart.model:
        raise UsageError(
            f"`--warmstart.model {model}` has no effect on a resume, which goes on with the weights of its "
            "checkpoint. Leave it out, or start anew with `tfaip-train-from-params`."
        )


def _check_lav(params: TrainerParams) -> None:
    if params.lav_every_n > 0 and not params.gen.lav_gen():
        raise UsageError(
            f"`--trainer.lav_every_n {params.lav_every_n}` needs data to validate, but there are none: "
            f"`{type(params.gen).__name__}.lav_gen` returns an empty list. Name such data, or set "
            "`--trainer.lav_every_n 0`."
        )


def _check_early_stopping(params: TrainerParams) -> None:
    patience = params.early_stopping.n_to_go
    if patience <= 0 or params.lav_every_n > 0:
        return
    is_asked_for = params.val_every_n > 0 or params.val_every_n_steps > 0
    if is_asked_for and params.gen.val_gen() is not None:
        return
    reason = (
        "there are no validation data" if is_asked_for else f"`--trainer.val_every_n {params.val_every_n}`"
    )
    raise UsageError(
        f"`--early_stopping.n_to_go {patience}` needs a validation, but {reason}. Validate, or set "
        "`--early_stopping.n_to_go 0`."
    )

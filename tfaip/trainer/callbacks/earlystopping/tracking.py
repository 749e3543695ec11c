"""The rules of early stopping and of the best model, as one function of plain values."""

import math
from dataclasses import dataclass, replace

from tfaip.trainer.callbacks.earlystopping.params import EarlyStoppingParams
from tfaip.trainer.state import BestState


@dataclass(frozen=True)
class Decision:
    """What follows from the value of an epoch."""

    best: BestState
    is_better: bool
    stop_reason: str | None


def decide(best: BestState, value: float, epoch: int, params: EarlyStoppingParams) -> Decision:
    """Return the new best state, whether `value` is better, and why to stop, if so.

    Args:
        best: The state before, with `mode` and `monitor`.
        value: What was measured; a value that is not finite is never better.
        epoch: The epoch it was measured in, counted from 0.
        params: `n_to_go`, `frequency` and the thresholds; their state is not read.
    """
    is_better = _is_better(best, value)
    if is_better:
        best = replace(best, current=value, n=1)
    elif _counts(best, epoch, params):
        best = replace(best, n=best.n + 1)
    return Decision(best, is_better, stop_reason(best, params))


def is_enabled(params: EarlyStoppingParams) -> bool:
    """Return whether a training may end because nothing has improved."""
    return params.n_to_go > 1 and params.frequency > 0


def _is_better(best: BestState, value: float) -> bool:
    if not math.isfinite(value):
        return False
    if best.current is None:
        return True
    return value < best.current if best.mode == "min" else value > best.current


def _counts(best: BestState, epoch: int, params: EarlyStoppingParams) -> bool:
    """Return whether an epoch without a better value counts towards the end."""
    if not is_enabled(params) or (epoch + 1) % params.frequency != 0:
        return False
    if best.current is None:
        return True
    if best.mode == "max":
        return not best.current < params.lower_threshold
    return not best.current > params.upper_threshold


def stop_reason(best: BestState, params: EarlyStoppingParams) -> str | None:
    """Return why a training with this best value ends, `None` if it goes on."""
    if best.current is not None and _reaches_goal(best.current, best.mode, params):
        return f"`{best.monitor}` {best.current:.6g} has reached its threshold"
    if is_enabled(params) and best.n >= params.n_to_go:
        return f"`{best.monitor}` has not improved, checked {best.n} times (`n_to_go` {params.n_to_go})"
    return None


def _reaches_goal(value: float, mode: str | None, params: EarlyStoppingParams) -> bool:
    return value <= params.lower_threshold if mode == "min" else value >= params.upper_threshold

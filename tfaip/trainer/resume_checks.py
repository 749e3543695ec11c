"""What must not change between a checkpoint and the training that goes on from it."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Tuple

from tfaip.errors import UsageError
from tfaip.files import parse_json
from tfaip.scenario.params_files import TRAINER_PARAMS
from tfaip.trainer.params import Resume, TrainerParams

logger = logging.getLogger(__name__)

# With these, other samples come in other batches, and nothing is as it would have been.
_EXACT = {
    "random_seed": "--trainer.random_seed",
    "gen.setup.train.batch_size": "--train.batch_size",
    "train_accum_steps": "--trainer.train_accum_steps",
}
# What a training writes into its params, and what says how it is started.
_BEST = tuple(f"early_stopping.{name}" for name in ("current", "n", "mode", "monitor"))
_SCHEDULE = ("learning_rate.epochs", "learning_rate.steps_per_epoch")
_PROGRESS = ("current_epoch", "saved_checkpoint_sub_dir", *_SCHEDULE)
_START = ("output_dir", "resume", "overwrite", "inexact_resume", "scenario.id")
_OF_NO_IMPORTANCE = (*_BEST, *_PROGRESS, *_START)


def check_resumed(checkpoint: Path, params: TrainerParams) -> None:
    """Compare `params` with those stored in a checkpoint, and say what differs.

    Raises:
        UsageError: The training could not go on exactly, and `--trainer.inexact_resume` does not allow that.
    """
    try:
        stored = parse_json((checkpoint / TRAINER_PARAMS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return  # older versions stored none
    now = parse_json(params.to_json())  # type: ignore[attr-defined]
    changed = list(_changes(stored, now))
    inexact = [f"`{_EXACT[name]}` {old} -> {new}" for name, old, new in changed if name in _EXACT]
    if inexact and not params.inexact_resume:
        raise UsageError(
            f"The training in the checkpoint `{checkpoint}` was another: {', '.join(inexact)}. Resumed like "
            "this, it would not end as an unbroken one. Leave it as it was, or allow that with "
            "`--trainer.inexact_resume True`."
        )
    if inexact:
        logger.warning("The resumed training is not exact: %s.", ", ".join(inexact))
    if params.resume == Resume.AUTO and changed:  # other ways of resuming have said so
        lines = [f"  trainer.{name}: {old!r} -> {new!r}" for name, old, new in changed]
        logger.info("Changed parameters:\n%s", "\n".join(lines))


def _changes(old: Any, new: Any, name: str = "") -> Iterator[Tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [key for key in new if key in old]:
            yield from _changes(old[key], new[key], f"{name}.{key}" if name else key)
    elif old != new and name not in _OF_NO_IMPORTANCE:
        yield name, old, new

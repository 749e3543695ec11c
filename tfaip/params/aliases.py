"""Second spellings of flags: the names that the documentation of 1.2 used, where the code had others."""

from collections.abc import Mapping

# Written without dashes. The spelling on the left is equal to the flag on the right, on the command line and
# in `--help`. Where both have the same prefix, the last part is also accepted below the full path:
# `--trainer.optimizer.clip_global_norm`.
ALIASES: Mapping[str, str] = {
    "trainer.calc_ema": "trainer.ema_decay",
    "optimizer.clip_global_norm": "optimizer.global_clip_norm",
    "learning_rate.decay": "learning_rate.lr_decay_rate",
}


def aliases_of(flag: str) -> list[str]:
    """Return the other spellings of `flag`, both without dashes."""
    return [alias for alias, target in ALIASES.items() if target == flag]

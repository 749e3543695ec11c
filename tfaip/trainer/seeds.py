"""What makes a training repeatable: one seed for Python, NumPy and TensorFlow, and orderly kernels."""

import os
import random

import numpy as np
import tensorflow as tf


def set_global_random_seed(n: int) -> None:
    """Seed all global generators: hashes of child processes n, NumPy n+1, TensorFlow n+2, Python n+3."""
    os.environ["PYTHONHASHSEED"] = str(n)
    np.random.seed(n + 1)
    tf.random.set_seed(n + 2)
    random.seed(n + 3)


def make_deterministic() -> None:
    """Let TensorFlow use only kernels that give the same bits each time, for the rest of this process.

    It refuses random numbers without a seed from then on.
    """
    tf.config.experimental.enable_op_determinism()


def what_repeats(random_seed: int | None, *, is_deterministic: bool) -> str:
    """Return a sentence on whether another run with the same parameters gives the same result."""
    if random_seed is None:
        return "This training is not repeatable: set `--trainer.random_seed`."
    if not is_deterministic:
        return (
            f"Repeatable with the seed {random_seed}, but kernels of a GPU may differ in the last bits; "
            "`--trainer.deterministic True` excludes that."
        )
    return (
        f"Deterministic with the seed {random_seed}. What stays open: other hardware, other versions of "
        "TensorFlow or another number of threads, and code of yours that draws random numbers without the "
        "seeds of tfaip."
    )

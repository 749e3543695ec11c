"""One seed for Python, NumPy and TensorFlow."""

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

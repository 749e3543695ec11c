"""The curves of the learning-rate schedules, as functions of the epochs that are done.

Epochs `e` are scalar floating point tensors; everything else are Python numbers. Results are scalar tensors.
"""

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

_PI = 3.14159  # with as many digits as in tfaip 1.x, so that a rate is the same as there


def epochs_done(step: Any, *, steps_per_epoch: int, offset_epochs: int, whole: bool) -> Any:
    """Return how many epochs lie behind `step`, less `offset_epochs`, and at least 0.

    Args:
        step: Updates done.
        steps_per_epoch: Updates in an epoch.
        offset_epochs: Epochs that do not count.
        whole: Count whole epochs only.
    """
    step = tf.cast(step, tf.int64)
    # Integers first: a large step divided as float32 may end up in the next epoch.
    epochs = tf.cast(tf.math.floordiv(step, steps_per_epoch), tf.float32)
    if not whole:
        rest = tf.cast(tf.math.floormod(step, steps_per_epoch), tf.float32)
        epochs = epochs + rest / steps_per_epoch
    return tf.maximum(epochs - offset_epochs, 0.0)


def staircase_decay(e: Any, *, rate: float, circle: int) -> Any:
    """Return `rate` to the power of how many times `circle` epochs are over."""
    return tf.pow(tf.cast(rate, tf.float32), tf.floor(e / circle))


def exponential_decay(e: Any, *, lr: float, rate: float, circle: int, min_fraction: float) -> Any:
    """Return `lr · rate^⌊e/circle⌋`, but at least the share `min_fraction` of `lr`."""
    return tf.maximum(lr * staircase_decay(e, rate=rate, circle=circle), lr * min_fraction)


def linear_warmup(e: Any, *, lr: float, epochs: int, factor: float) -> Any:
    """Return a rate that rises from `lr / factor` to `lr` within `epochs`, and stays there."""
    start = lr / factor
    rising = start + (lr - start) / max(epochs, 1) * e
    return tf.where(e < epochs, rising, lr)


def final_cosine(e: Any, *, epochs: int, final_epochs: int, alpha: float) -> Any:
    """Return a factor: 1, and over the last `final_epochs` of `epochs` half a cosine down to `alpha`."""
    start = epochs - final_epochs
    cosine = 0.5 + 0.5 * tf.cos(_PI * (e - start) / max(final_epochs, 1))
    return tf.where(e <= start, 1.0, alpha + (1 - alpha) * cosine)


def warmup_cosine_decay(
    e: Any,
    *,
    lr: float,
    rate: float,
    circle: int,
    min_fraction: float,
    epochs: int,
    final_epochs: int,
    alpha: float,
    warmup_epochs: int = 0,
    warmup_factor: float = 1,
    constant_epochs: int = 0,
) -> Any:
    """Return the rate of a warm-up, a constant phase, a staircase decay, and half a cosine at the end.

    After the warm-up the rate is at least the share `min_fraction` of `lr`.
    """
    delay = warmup_epochs + constant_epochs
    base = linear_warmup(e, lr=lr, epochs=warmup_epochs, factor=warmup_factor)
    decay = staircase_decay(tf.maximum(e - delay, 0.0), rate=rate, circle=circle)
    cosine = final_cosine(e, epochs=epochs, final_epochs=final_epochs, alpha=alpha)
    value = base * decay * cosine
    return tf.where(e < warmup_epochs, value, tf.maximum(value, lr * min_fraction))


def warmup_decay(step: Any, *, lr: float, warmup_steps: int) -> Any:
    """Return a rate that rises linearly to `lr` at `warmup_steps`, then falls with `1/√step`.

    Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017, equation 3, scaled to a peak of `lr`.
    """
    rising = step * warmup_steps**-1.5
    return lr * warmup_steps**0.5 * tf.minimum(tf.math.rsqrt(step), rising)


def triangles(e: Any, *, low: float, high: float, cycle_epochs: int, decay: float) -> Any:
    """Return a rate that rises linearly from `low` to `high` and back, once in `cycle_epochs`.

    The height above `low` is multiplied by `decay` after each cycle.

    Source: Smith, "Cyclical Learning Rates for Training Neural Networks", WACV 2017, section 3.1.
    """
    cycle = tf.floor(e / cycle_epochs)
    part = e / cycle_epochs - cycle
    return low + (high - low) * (1 - tf.abs(2 * part - 1)) * tf.pow(tf.cast(decay, tf.float32), cycle)


def one_cycle(e: Any, *, start: float, peak: float, end: float, epochs: int, rising_share: float) -> Any:
    """Return half a cosine from `start` up to `peak`, then half a cosine down to `end` after `epochs`.

    Source: Smith and Topin, "Super-Convergence", 2018, in the form with cosines that fastai introduced.
    """
    share = tf.minimum(e / max(epochs, 1), 1.0)
    rising = _half_cosine(start, peak, share / max(rising_share, 1e-6))
    falling = _half_cosine(peak, end, (share - rising_share) / (1 - rising_share))
    return tf.where(share < rising_share, rising, falling)


def _half_cosine(first: float, last: float, share: Any) -> Any:
    return first + (last - first) * (0.5 - 0.5 * tf.cos(math.pi * share))


def polynomial_decay(
    e: Any,
    *,
    lr: float,
    end_fraction: float,
    decay_epochs: int,
    power: float,
    warmup_epochs: int = 0,
    warmup_factor: float = 1,
) -> Any:
    """Return a rate that falls from `lr` to its share `end_fraction`, after a linear warm-up.

    It falls as `(1 - x)^power`, where x goes from 0 to 1 during `decay_epochs`.
    """
    left = 1 - tf.clip_by_value((e - warmup_epochs) / decay_epochs, 0.0, 1.0)
    falling = lr * (end_fraction + (1 - end_fraction) * tf.pow(left, power))
    rising = linear_warmup(e, lr=lr, epochs=warmup_epochs, factor=warmup_factor)
    return tf.where(e < warmup_epochs, rising, falling)


def steps(e: Any, *, boundaries: Sequence[float], factors: Sequence[float]) -> Any:
    """Return 1, and from `boundaries[i]` epochs on `factors[i]`; the boundaries rise."""
    factor = tf.ones_like(tf.cast(e, tf.float32))
    for boundary, value in zip(boundaries, factors, strict=True):
        factor = tf.where(e >= boundary, value, factor)
    return factor

import math
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfaip.errors import UsageError
from tfaip.trainer.scheduler.constant_params import Constant
from tfaip.trainer.scheduler.cosine_decay_params import (
    CosineDecayParams,
    WarmupConstantCosineDecayParams,
    WarmupCosineDecayParams,
)
from tfaip.trainer.scheduler.cycles_params import CyclicParams, OneCycleParams
from tfaip.trainer.scheduler.exponential_decay_params import ExponentialDecayParams
from tfaip.trainer.scheduler.learningrate_params import LearningRateParams
from tfaip.trainer.scheduler.piecewise_params import PiecewiseParams
from tfaip.trainer.scheduler.polynomial_params import LinearParams, PolynomialParams
from tfaip.trainer.scheduler.reduce_on_plateau_params import ReduceOnPlateauParams
from tfaip.trainer.scheduler.warmup_decay_params import WarmupDecayParams

STEPS_PER_EPOCH = 7
EPOCHS = 60


def epochs_done(p, step):
    e = step // p.steps_per_epoch if p.step_function else step / p.steps_per_epoch
    return max(0, e - p.offset_epochs)


def constant(p, e):
    return p.lr


def exponential(p, e):
    return max(p.lr * p.decay_min_fraction, p.lr * p.lr_decay_rate ** math.floor(e / p.learning_circle))


def cosine_family(p, e):
    w, k = getattr(p, "warmup_epochs", 0), getattr(p, "warmup_factor", 1)
    d = w + getattr(p, "constant_epochs", 0)
    base = p.lr / k + (p.lr - p.lr / k) / w * e if w > 0 and e < w else p.lr
    decayed = base if e <= d else base * p.lr_decay_rate ** math.floor((e - d) / p.learning_circle)
    start = p.epochs - p.final_epochs
    cosine = 0.5 + 0.5 * math.cos(3.14159 * (e - start) / p.final_epochs) if e > start else 0
    factor = 1 if e <= start else p.alpha + (1 - p.alpha) * cosine
    return decayed * factor if e < w else max(decayed * factor, p.lr * p.decay_min_fraction)


def warmup_decay(p, e):
    warmup = p.steps_per_epoch * p.warmup_epochs if p.warmup_epochs > 0 else p.warmup_steps
    t = e * p.steps_per_epoch + 1
    return p.lr * math.sqrt(warmup) * min(t**-0.5, t * warmup**-1.5)


def cyclic(p, e):
    low = p.lr / p.low_factor
    cycle, rest = divmod(e, p.cycle_epochs)
    half = p.cycle_epochs / 2
    share = rest / half if rest < half else (p.cycle_epochs - rest) / half
    return low + (p.lr - low) * share * p.cycle_decay**cycle


def one_cycle(p, e):
    rise = p.rising_share * p.epochs
    if e < rise:
        first, last, share = p.lr / p.start_factor, p.lr, e / rise
    else:
        first, last, share = p.lr, p.lr / p.end_factor, min((e - rise) / (p.epochs - rise), 1)
    return first * (1 + math.cos(math.pi * share)) / 2 + last * (1 - math.cos(math.pi * share)) / 2


def polynomial(p, e):
    if e < p.warmup_epochs:
        return p.lr / p.warmup_factor + (p.lr - p.lr / p.warmup_factor) * e / p.warmup_epochs
    length = p.decay_epochs if p.decay_epochs > 0 else p.epochs - p.warmup_epochs
    left = max(0, 1 - (e - p.warmup_epochs) / length)
    end = p.lr * p.end_fraction
    return end + (p.lr - end) * left ** getattr(p, "power", 1)


def piecewise(p, e):
    passed = [factor for boundary, factor in zip(p.boundaries, p.factors, strict=True) if boundary <= e]
    return p.lr * (passed[-1] if passed else 1)


LENGTH: dict[str, Any] = {"steps_per_epoch": STEPS_PER_EPOCH, "epochs": EPOCHS}
SCHEDULES = [
    (Constant(lr=0.3, **LENGTH), constant),
    (ExponentialDecayParams(**LENGTH), exponential),
    (ExponentialDecayParams(lr_decay_rate=0.5, decay_min_fraction=0.2, **LENGTH), exponential),
    (CosineDecayParams(**LENGTH), cosine_family),
    (CosineDecayParams(alpha=0, final_epochs=80, **LENGTH), cosine_family),
    (CosineDecayParams(lr_decay_rate=0.8, decay_min_fraction=0.3, **LENGTH), cosine_family),
    (WarmupCosineDecayParams(**LENGTH), cosine_family),
    (WarmupCosineDecayParams(warmup_epochs=0, final_epochs=5, **LENGTH), cosine_family),
    (WarmupCosineDecayParams(warmup_factor=100, decay_min_fraction=0.2, **LENGTH), cosine_family),
    (WarmupConstantCosineDecayParams(final_epochs=20, lr_decay_rate=0.9, **LENGTH), cosine_family),
    (WarmupDecayParams(warmup_epochs=4, **LENGTH), warmup_decay),
    (WarmupDecayParams(warmup_steps=50, **LENGTH), warmup_decay),
    (CyclicParams(**LENGTH), cyclic),
    (CyclicParams(cycle_epochs=5, low_factor=4, cycle_decay=0.5, **LENGTH), cyclic),
    (OneCycleParams(**LENGTH), one_cycle),
    (OneCycleParams(rising_share=0, end_factor=10, **LENGTH), one_cycle),
    (LinearParams(**LENGTH), polynomial),
    (LinearParams(warmup_epochs=6, end_fraction=0.1, **LENGTH), polynomial),
    (PolynomialParams(decay_epochs=20, end_fraction=0.01, **LENGTH), polynomial),
    (PolynomialParams(power=0.5, **LENGTH), polynomial),
    (PiecewiseParams(boundaries=[10, 30.5], factors=[0.1, 0.3], **LENGTH), piecewise),
    (PiecewiseParams(**LENGTH), piecewise),
    (ReduceOnPlateauParams(**LENGTH), constant),
]


@pytest.mark.parametrize("offset_epochs", [0, 3])
@pytest.mark.parametrize("step_function", [True, False])
@pytest.mark.parametrize(
    ("params", "closed_form"), SCHEDULES, ids=lambda x: getattr(x, "__name__", type(x).__name__)
)
def test_schedule_equals_its_closed_form(params, closed_form, step_function, offset_epochs):
    params.step_function, params.offset_epochs = step_function, offset_epochs
    steps = np.arange(STEPS_PER_EPOCH * (EPOCHS + 3))
    schedule = params.create()
    in_graph = tf.function(schedule, input_signature=[tf.TensorSpec([], tf.int64)])

    expected = np.array([closed_form(params, epochs_done(params, s)) for s in steps])

    close = {"rtol": 2e-5, "atol": 1e-7 * params.lr}
    np.testing.assert_allclose([in_graph(s).numpy() for s in steps], expected, **close)
    np.testing.assert_allclose([float(schedule(int(s))) for s in steps[::9]], expected[::9], **close)


@pytest.mark.parametrize("params", [p for p, _ in SCHEDULES], ids=lambda p: type(p).__name__)
def test_schedule_survives_serialisation(params):
    schedule = params.create()

    again = type(schedule).from_config(schedule.get_config())

    assert again.params == params
    assert again(100) == schedule(100)


def test_optimizer_with_a_schedule_survives_serialisation():
    schedule: Any = ExponentialDecayParams(lr=0.25, **LENGTH).create()
    optimizer = keras.optimizers.SGD(schedule)
    custom = {"ExponentialDecaySchedule": type(schedule)}

    config = keras.optimizers.serialize(optimizer)
    again = keras.optimizers.deserialize(config, custom_objects=custom)

    assert float(again.learning_rate) == 0.25


def test_whole_epochs_are_counted_exactly_for_large_steps():
    params = ExponentialDecayParams(lr=1.0, learning_circle=1, steps_per_epoch=1_000_003, epochs=1000)
    schedule = params.create()
    border = 1_000_003 * 100

    assert float(schedule(border - 1)) == pytest.approx(0.99**99, rel=1e-5)
    assert float(schedule(border)) == pytest.approx(0.99**100, rel=1e-5)


@pytest.mark.parametrize("step_function", [True, False])
def test_epochs_are_counted_in_batches_when_gradients_are_accumulated(step_function):
    params = LinearParams(step_function=step_function, **LENGTH)
    plain, accumulating = params.create(), params.create()
    accumulating.batches_per_update = 3

    rates = [float(accumulating(update)) for update in range(40)]

    assert rates == [float(plain(3 * update)) for update in range(40)]


@pytest.mark.parametrize(
    ("decay", "kwargs"),
    [
        (keras.optimizers.schedules.PolynomialDecay, {"power": 2.0, "end_learning_rate": 0.0001}),
        (keras.optimizers.schedules.PolynomialDecay, {"power": 1.0, "end_learning_rate": 0.0001}),
    ],
)
def test_polynomial_equals_that_of_keras(decay, kwargs):
    params = PolynomialParams(power=kwargs["power"], end_fraction=0.1, step_function=False, **LENGTH)
    of_keras: Any = decay(params.lr, decay_steps=EPOCHS * STEPS_PER_EPOCH, **kwargs)

    ours = params.create()

    for step in range(0, 500, 7):
        assert float(ours(step)) == pytest.approx(float(of_keras(step)), rel=1e-4)


def test_schedule_keeps_the_params_object():
    params = Constant(**LENGTH)

    assert params.create().params is params


def test_schedule_needs_the_length_of_the_training():
    with pytest.raises(UsageError, match="`steps_per_epoch`"):
        Constant(epochs=3).create()


def test_warmup_decay_needs_the_length_of_its_warmup():
    with pytest.raises(UsageError, match="warmup_epochs"):
        WarmupDecayParams(**LENGTH).create()(1)


def test_base_params_say_which_method_is_missing():
    with pytest.raises(NotImplementedError, match="LearningRateSchedule"):
        LearningRateParams(**LENGTH).create()

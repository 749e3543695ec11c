"""The optimizers beyond those of tfaip 1.2, through their params, against their papers in NumPy."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfaip.errors import UsageError
from tfaip.trainer.optimizer import (
    AdafactorOptimizer,
    AdamWOptimizer,
    KerasOptimizer,
    LionOptimizer,
    MuonOptimizer,
    NadamOptimizer,
    ScheduleFreeAdamWOptimizer,
)
from tfaip.trainer.optimizer.schedule_free import ScheduleFreeAdamW, ScheduleFreeAverage

LR = 0.05
STEPS = 20


def problem(shape, seed=0):
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=shape).astype("float32")
    return weight, rng.normal(0.3, 1, size=(STEPS, *shape)).astype("float32")


def trained(params, weight, gradients, path="kernel"):
    """Return the weight after each update by what `params` create."""
    cls, arguments = params.create()
    optimizer = cls(learning_rate=keras.optimizers.schedules.ExponentialDecay(LR, 1, 1.0), **arguments)
    variable = keras.Variable(weight, name=path)
    optimizer.build([variable])
    apply = tf.function(lambda gradient: optimizer.apply([gradient], [variable]))
    history = []
    for gradient in gradients:
        apply(tf.constant(gradient))
        history.append(variable.numpy())
    return history


def assert_follows(params, formula, shape=(3, 4)):
    weight, gradients = problem(shape)
    history = trained(params, weight, gradients)
    expected = formula(params, weight.astype("float64"), gradients.astype("float64"))
    for step, (ours, theirs) in enumerate(zip(history, expected, strict=True)):
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-5, err_msg=f"step {step}")


def adamw(p, theta, gradients):
    m = v = largest = 0.0
    for t, g in enumerate(gradients, start=1):
        theta = theta - LR * p.weight_decay * theta
        m = p.beta_1 * m + (1 - p.beta_1) * g
        v = p.beta_2 * v + (1 - p.beta_2) * g**2
        largest = np.maximum(largest, v)
        # Keras applies the bias corrections to the step, with epsilon inside ("epsilon hat").
        alpha = LR * np.sqrt(1 - p.beta_2**t) / (1 - p.beta_1**t)
        theta = theta - alpha * m / (np.sqrt(largest if p.amsgrad else v) + p.epsilon)
        yield theta


@pytest.mark.parametrize("fields", [{}, {"amsgrad": True, "beta_2": 0.5}, {"weight_decay": 0.5}], ids=str)
def test_adamw(fields):
    assert_follows(AdamWOptimizer(**fields), adamw)


def nadam(p, theta, gradients):
    m = v = 0.0
    product = 1.0
    for t, g in enumerate(gradients, start=1):
        theta = theta - LR * p.weight_decay * theta
        mu, following = (p.beta_1 * (1 - 0.5 * 0.96**k) for k in (t, t + 1))
        product *= mu
        m = p.beta_1 * m + (1 - p.beta_1) * g
        v = p.beta_2 * v + (1 - p.beta_2) * g**2
        m_hat = following * m / (1 - product * following) + (1 - mu) * g / (1 - product)
        theta = theta - LR * m_hat / (np.sqrt(v / (1 - p.beta_2**t)) + p.epsilon)
        yield theta


@pytest.mark.parametrize("fields", [{}, {"beta_1": 0.5, "weight_decay": 0.3}], ids=str)
def test_nadam(fields):
    assert_follows(NadamOptimizer(**fields), nadam)


def lion(p, theta, gradients):
    m = np.zeros_like(theta)
    for g in gradients:
        theta = theta - LR * p.weight_decay * theta
        theta = theta - LR * np.sign(p.beta_1 * m + (1 - p.beta_1) * g)
        m = p.beta_2 * m + (1 - p.beta_2) * g
        yield theta


@pytest.mark.parametrize("fields", [{}, {"beta_1": 0.5, "beta_2": 0.7, "weight_decay": 0.3}], ids=str)
def test_lion(fields):
    assert_follows(LionOptimizer(**fields), lion)


def adafactor(p, theta, gradients):
    def rms(x):
        return np.sqrt(np.mean(x**2))

    rows = columns = v = 0.0
    for t, g in enumerate(gradients, start=1):
        theta = theta - LR * p.weight_decay * theta
        beta = 1 - t**p.beta_2_decay
        squared = g**2 + p.epsilon_1
        if theta.ndim == 2:
            rows = beta * rows + (1 - beta) * squared.mean(axis=1)
            columns = beta * columns + (1 - beta) * squared.mean(axis=0)
            v = np.outer(rows, columns) / np.mean(rows)
        else:
            v = beta * v + (1 - beta) * squared
        update = g / np.sqrt(v)
        update = update / max(1, rms(update) / p.clip_threshold)
        theta = theta - max(p.epsilon_2, rms(theta)) * min(LR, t**-0.5) * update
        yield theta


@pytest.mark.parametrize("shape", [(3, 4), (5,)], ids=str)
@pytest.mark.parametrize("fields", [{}, {"clip_threshold": 0.5, "weight_decay": 0.3}], ids=str)
def test_adafactor(fields, shape):
    assert_follows(AdafactorOptimizer(**fields), adafactor, shape)


def muon(p, theta, gradients):
    a, b, c = 3.4445, -4.7750, 2.0315
    m = np.zeros_like(theta)
    for g in gradients:
        theta = theta - LR * p.weight_decay * theta
        m = p.momentum * m + g
        x = g + p.momentum * m if p.nesterov else m
        x = x / np.linalg.norm(x)
        for _ in range(p.ns_steps):
            square = x @ x.T
            x = a * x + (b * square + c * square @ square) @ x
        theta = theta - LR * x * np.sqrt(max(theta.shape)) * 0.2
        yield theta


needs_muon = pytest.mark.skipif(keras.__version__ < "3.13", reason="Keras 3.12 has one that does not work")


@needs_muon
@pytest.mark.parametrize("fields", [{}, {"nesterov": False, "ns_steps": 3, "weight_decay": 0.2}], ids=str)
def test_muon_trains_matrices_orthogonally(fields):
    assert_follows(MuonOptimizer(**fields), muon)


@needs_muon
def test_muon_trains_vectors_with_adamw():
    def adam_inside(p, theta, gradients):
        return adamw(AdamWOptimizer(weight_decay=p.weight_decay), theta, gradients)

    assert_follows(MuonOptimizer(weight_decay=0.1), adam_inside, shape=(4,))


def schedule_free(p, theta, gradients):
    z = x = y = theta
    v = total = 0.0
    for t, g in enumerate(gradients, start=1):
        v = p.beta_2 * v + (1 - p.beta_2) * g**2
        rate = LR * min(1, t / p.warmup_steps) if p.warmup_steps else LR
        z = z - rate * (g / (np.sqrt(v / (1 - p.beta_2**t)) + p.epsilon) + p.weight_decay * y)
        total += rate**2
        x = (1 - rate**2 / total) * x + rate**2 / total * z
        y = (1 - p.beta_1) * z + p.beta_1 * x
        yield y


SCHEDULE_FREE = [{}, {"beta_1": 0.7, "warmup_steps": 5}, {"weight_decay": 0.5}, {"beta_1": 1.0}]


@pytest.mark.parametrize("fields", SCHEDULE_FREE, ids=str)
def test_schedule_free_adamw(fields):
    assert_follows(ScheduleFreeAdamWOptimizer(**fields), schedule_free)


def test_schedule_free_adamw_is_judged_by_the_average_of_its_steps():
    # With beta_1 close to 0 the model holds z, of which x is the plain average.
    weight, gradients = problem((3, 4))
    variable = keras.Variable(weight)
    optimizer = ScheduleFreeAdamW(LR, beta_1=1e-2)
    history = []
    for gradient in gradients:
        optimizer.apply([tf.constant(gradient)], [variable])
        history.append(tf.convert_to_tensor(optimizer._stepped[0]).numpy())
    average = ScheduleFreeAverage([optimizer])
    raw = variable.numpy()

    with average.active():
        np.testing.assert_allclose(variable.numpy(), np.mean(history, axis=0), atol=1e-4)

    np.testing.assert_array_equal(variable.numpy(), raw)


def test_schedule_free_adamw_starts_from_weights_that_came_after_it_was_built():
    weight, gradients = problem((3, 4))
    variable = keras.Variable(np.zeros_like(weight))
    optimizer = ScheduleFreeAdamW(LR)
    optimizer.build([variable])
    variable.assign(weight)

    before = [average.numpy() for _, average in optimizer.averages()]
    optimizer.apply([tf.constant(gradients[0])], [variable])

    np.testing.assert_array_equal(before[0], weight)
    np.testing.assert_allclose(variable.numpy(), weight - LR * np.sign(gradients[0]), rtol=1e-3)


def adagrad(p, theta, gradients):
    total = 0.25
    for g in gradients:
        total = total + g**2
        theta = theta - LR * g / np.sqrt(total + 1e-7)
        yield theta


@pytest.mark.parametrize("path", ["Adagrad", "keras.optimizers:Adagrad"])
def test_any_optimizer_of_keras_by_its_name(path):
    assert_follows(KerasOptimizer(path=path, arguments={"initial_accumulator_value": "0.25"}), adagrad)


def test_an_optimizer_of_another_module_by_its_class():
    params = KerasOptimizer(path="tfaip.trainer.optimizer.lamb:LAMB", arguments={"weight_decay": "0.5"})

    cls, arguments = params.create()

    assert (cls.__name__, arguments) == ("LAMB", {"weight_decay": 0.5})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"path": "Adagard"}, "`Adagard` is not part of Keras .* Did you mean .*Adagrad"),
        ({"path": "tfaip.trainer.optimizer.lamb:Any"}, "expects the class of a Keras optimizer"),
        ({"path": "no_such_module:A"}, "`--optimizer.path` can not use `no_such_module:A`"),
        ({"arguments": {"learning_rate": "1"}}, "use `--learning_rate.lr`"),
        ({"arguments": {"clipnorm": "1"}}, "use `--optimizer.clip_norm`"),
    ],
    ids=str,
)
def test_a_wrong_class_or_argument_is_refused(fields, message):
    with pytest.raises(UsageError, match=message):
        KerasOptimizer(**fields).create()


def test_the_muon_of_an_old_keras_is_refused(monkeypatch):
    monkeypatch.setattr(keras.optimizers, "Muon", keras.optimizers.Adam)

    with pytest.raises(UsageError, match=r"`--optimizer Muon` does not work .* install Keras 3.13 or newer"):
        MuonOptimizer().create()


def test_an_optimizer_that_this_keras_does_not_have_is_named(monkeypatch):
    monkeypatch.delattr(keras.optimizers, "Lion")

    with pytest.raises(UsageError, match=re.escape(f"`Lion` is not part of Keras {keras.__version__}")):
        LionOptimizer().create()


@pytest.mark.parametrize(
    ("cls", "field", "value"),
    [
        (AdamWOptimizer, "beta_1", 1.0),
        (AdamWOptimizer, "weight_decay", -1.0),
        (LionOptimizer, "beta_1", 0.0),
        (AdafactorOptimizer, "beta_2_decay", 0.1),
        (MuonOptimizer, "exclude_layers", ["("]),
        (ScheduleFreeAdamWOptimizer, "warmup_steps", -1),
        (NadamOptimizer, "exclude_from_weight_decay", ["("]),
    ],
)
def test_values_out_of_range_are_refused(cls, field, value):
    with pytest.raises(UsageError, match=f"--optimizer.{field}"):
        cls(**{field: value})

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfaip.trainer.optimizer import (
    AdaBeliefOptimizer,
    AdamaxOptimizer,
    AdamOptimizer,
    LAMBOptimizer,
    RMSpropOptimizer,
    SGDOptimizer,
)

STEPS = 30


def train(params, lr, weights, gradients, *, in_graph=True):
    """Return the weights after each update by the optimizer that `params` creates."""
    cls, arguments = params.create()
    optimizer = cls(learning_rate=lr, **arguments)
    variables = [keras.Variable(w, name=name) for name, w in weights.items()]
    optimizer.build(variables)

    def apply(gradients):
        optimizer.apply(gradients, variables)

    apply = tf.function(apply) if in_graph else apply
    history = []
    for gradient in gradients:
        apply([tf.constant(gradient[name]) for name in weights])
        history.append({name: v.numpy() for name, v in zip(weights, variables, strict=True)})
    return history


def random_problem(seed=0):
    rng = np.random.default_rng(seed)
    shapes = {"kernel": (3, 4), "bias": (4,)}
    weights = {name: rng.normal(size=shape).astype("float32") for name, shape in shapes.items()}
    gradients = [
        {name: rng.normal(0.5, 1, size=shape).astype("float32") for name, shape in shapes.items()}
        for _ in range(STEPS)
    ]
    return weights, gradients


def adabelief_in_numpy(p, lr, weight, gradients):
    theta, m, v, v_max = weight.astype("float64"), 0.0, 0.0, 0.0
    for t, g in enumerate(gradients, start=1):
        g = g.astype("float64")
        m = p.beta_1 * m + (1 - p.beta_1) * g
        v = p.beta_2 * v + (1 - p.beta_2) * (g - m) ** 2 + p.epsilon
        v_max = np.maximum(v_max, v)
        m_hat = m / (1 - p.beta_1**t)
        v_hat = (v_max if p.amsgrad else v) / (1 - p.beta_2**t)
        step = m_hat / (np.sqrt(v_hat) + p.epsilon)
        if p.rectify:
            longest = 2 / (1 - p.beta_2) - 1
            n = longest - 2 * t * p.beta_2**t / (1 - p.beta_2**t)
            if n >= p.sma_threshold:
                step *= math.sqrt((n - 4) / (longest - 4) * (n - 2) / (longest - 2) * longest / n)
            else:
                step = m_hat
        rate = lr
        if p.total_steps > 0:
            rise = p.total_steps * p.warmup_proportion
            fall = p.total_steps - rise
            rate = lr * t / rise if t <= rise else lr + (p.min_lr - lr) * min(t - rise, fall) / fall
        theta = theta - rate * (step + p.weight_decay * theta)
        yield theta


@pytest.mark.parametrize(
    "params",
    [
        AdaBeliefOptimizer(),
        AdaBeliefOptimizer(rectify=False),
        AdaBeliefOptimizer(amsgrad=True, beta_2=0.9),
        AdaBeliefOptimizer(beta_1=0.8, beta_2=0.5, sma_threshold=4),
        AdaBeliefOptimizer(weight_decay=0.1, epsilon=1e-8),
        AdaBeliefOptimizer(weight_decay=0.1, total_steps=20, warmup_proportion=0.3, min_lr=1e-3),
    ],
    ids=["default", "unrectified", "amsgrad", "never_rectified", "decay", "warmup"],
)
def test_adabelief_equals_its_formula(params):
    weights, gradients = random_problem()

    history = train(params, 0.05, weights, gradients)

    for name in weights:
        expected = adabelief_in_numpy(params, 0.05, weights[name], [g[name] for g in gradients])
        for step, wanted in enumerate(expected):
            np.testing.assert_allclose(history[step][name], wanted, rtol=1e-4, atol=1e-5)


def test_adabelief_is_the_same_in_graph_and_eagerly():
    weights, gradients = random_problem()
    params = AdaBeliefOptimizer(total_steps=20)

    in_graph = train(params, 0.05, weights, gradients[:8])
    eagerly = train(params, 0.05, weights, gradients[:8], in_graph=False)

    np.testing.assert_allclose(in_graph[-1]["kernel"], eagerly[-1]["kernel"], rtol=1e-6)


def lamb_in_numpy(p, lr, name, weight, gradients):
    decays = name not in (p.exclude_from_weight_decay or [])
    adapts = name not in (p.exclude_from_layer_adaptation or p.exclude_from_weight_decay or [])
    theta, m, v = weight.astype("float64"), 0.0, 0.0
    for t, g in enumerate(gradients, start=1):
        g = g.astype("float64")
        m = p.beta_1 * m + (1 - p.beta_1) * g
        v = p.beta_2 * v + (1 - p.beta_2) * g**2
        u = m / (1 - p.beta_1**t) / (np.sqrt(v / (1 - p.beta_2**t)) + p.epsilon)
        u = u + p.weight_decay * theta if decays else u
        norms = np.linalg.norm(theta), np.linalg.norm(u)
        ratio = norms[0] / norms[1] if adapts and all(norms) else 1.0
        theta = theta - lr * ratio * u
        yield theta


@pytest.mark.parametrize(
    "params",
    [
        LAMBOptimizer(),
        LAMBOptimizer(weight_decay=0.3),
        LAMBOptimizer(weight_decay=0.3, exclude_from_weight_decay=["bias"]),
        LAMBOptimizer(weight_decay=0.3, exclude_from_layer_adaptation=["bias"]),
    ],
    ids=["default", "decay", "undecayed_bias", "unadapted_bias"],
)
def test_lamb_equals_its_formula(params):
    weights, gradients = random_problem()

    history = train(params, 0.05, weights, gradients)

    for name in weights:
        expected = lamb_in_numpy(params, 0.05, name, weights[name], [g[name] for g in gradients])
        for step, wanted in enumerate(expected):
            np.testing.assert_allclose(history[step][name], wanted, rtol=1e-4, atol=1e-5)


def test_lamb_leaves_weights_of_zero_to_the_plain_step():
    weights, gradients = {"bias": np.zeros(2, "float32")}, [{"bias": np.array([1.0, -2.0], "float32")}]

    history = train(LAMBOptimizer(), 0.1, weights, gradients)

    np.testing.assert_allclose(history[0]["bias"], [-0.1, 0.1], rtol=1e-4)


def test_adamw_decays_decoupled_by_the_learning_rate():
    weights, gradients = {"kernel": np.array([2.0], "float32")}, [{"kernel": np.zeros(1, "float32")}]

    history = train(AdamOptimizer(weight_decay=0.1), 0.5, weights, gradients)

    np.testing.assert_allclose(history[0]["kernel"], [2.0 - 0.5 * 0.1 * 2.0])


def test_sgd_decays_decoupled_by_the_learning_rate():
    weights, gradients = {"kernel": np.array([2.0], "float32")}, [{"kernel": np.ones(1, "float32")}]

    history = train(SGDOptimizer(weight_decay=0.1), 0.5, weights, gradients)

    np.testing.assert_allclose(history[0]["kernel"], [2.0 - 0.5 * 0.1 * 2.0 - 0.5])


def test_rmsprop_without_memory_steps_by_the_learning_rate():
    weights, gradients = {"kernel": np.zeros(2, "float32")}, [{"kernel": np.array([3.0, -0.01], "float32")}]

    history = train(RMSpropOptimizer(), 0.5, weights, gradients)

    np.testing.assert_allclose(history[0]["kernel"], [-0.5, 0.5], rtol=1e-3)


@pytest.mark.parametrize(
    ("params", "keras_cls", "arguments"),
    [
        (
            AdamOptimizer(beta_1=0.8),
            keras.optimizers.Adam,
            {"beta_1": 0.8, "beta_2": 0.999, "epsilon": 1e-7},
        ),
        (
            AdamOptimizer(weight_decay=0.1, global_clip_norm=5.0),
            keras.optimizers.AdamW,
            {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "weight_decay": 0.1, "global_clipnorm": 5.0},
        ),
        (
            AdamaxOptimizer(weight_decay=0.1, clip_value=1.0),
            keras.optimizers.Adamax,
            {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "clipvalue": 1.0},
        ),
        (
            SGDOptimizer(momentum=0.9, nesterov=True, clip_norm=2.0),
            keras.optimizers.SGD,
            {"momentum": 0.9, "nesterov": True, "clipnorm": 2.0},
        ),
        (
            RMSpropOptimizer(rho=0.9),
            keras.optimizers.RMSprop,
            {"momentum": 0.0, "epsilon": 1e-7, "rho": 0.9, "centered": False},
        ),
    ],
    ids=["adam", "adamw", "adamax", "sgd", "rmsprop"],
)
def test_params_become_a_keras_optimizer(params, keras_cls, arguments):
    assert params.create() == (keras_cls, arguments)


@pytest.mark.parametrize(
    "params",
    [
        AdaBeliefOptimizer(total_steps=5, min_lr=0.1),
        LAMBOptimizer(weight_decay=0.1, exclude_from_weight_decay=["b"]),
    ],
    ids=["adabelief", "lamb"],
)
def test_own_optimizers_survive_serialisation(params):
    cls, arguments = params.create()
    optimizer = cls(learning_rate=0.5, **arguments)

    again = cls.from_config(optimizer.get_config())

    assert again.get_config() == optimizer.get_config()

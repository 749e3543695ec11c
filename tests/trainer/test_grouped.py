import keras
import numpy as np
import pytest

from tfaip.errors import UsageError
from tfaip.trainer.optimizer import AdamOptimizer, AdamWOptimizer, LAMBOptimizer, SGDOptimizer
from tfaip.trainer.optimizer.build import build_optimizer
from tfaip.trainer.optimizer.grouped import GroupedOptimizer, describe_groups, optimizer_name
from tfaip.trainer.optimizer.part_params import PartOptimizerParams
from tfaip.trainer.params import TrainerParams
from tfaip.trainer.scheduler import Constant, PiecewiseParams

SHAPES = {"backbone/kernel": (3, 2), "backbone/bias": (2,), "head/kernel": (2, 2), "head/bias": (2,)}


def built(optimizer, parts=(), lr=0.5):
    params = TrainerParams(optimizer=optimizer, learning_rate=Constant(lr=lr), part_optimizers=list(parts))
    params.learning_rate.epochs, params.learning_rate.steps_per_epoch = 10, 2
    return build_optimizer(params).optimizer


def new_variables(value=2.0):
    found = {}
    for path, shape in SHAPES.items():
        scope, name = path.split("/")
        with keras.name_scope(scope):
            found[path] = keras.Variable(np.full(shape, value, "float32"), name=name)
    return found


def after_updates(optimizer, gradient=0.0, steps=1, value=2.0):
    """Return the first entry of each variable after updates with constant gradients."""
    variables = new_variables(value)
    gradients = [np.full(v.shape, gradient, "float32") for v in variables.values()]
    for _ in range(steps):
        optimizer.apply([keras.ops.convert_to_tensor(g) for g in gradients], list(variables.values()))
    return {path: float(np.ravel(v)[0]) for path, v in variables.items()}


def test_a_group_has_its_own_rate():
    weights = after_updates(built(SGDOptimizer(groups=["backbone/.*=lr*0.1"])), gradient=1.0)

    assert weights == pytest.approx(
        {"backbone/kernel": 1.95, "backbone/bias": 1.95, "head/kernel": 1.5, "head/bias": 1.5}
    )


def test_a_group_has_its_own_decay():
    weights = after_updates(built(SGDOptimizer(weight_decay=0.1, groups=["bias=decay*0", "head=decay*2"])))

    assert weights == pytest.approx(
        {"backbone/kernel": 2 * 0.95, "backbone/bias": 2.0, "head/kernel": 2 * 0.9, "head/bias": 2.0}
    )


def test_factors_of_several_rules_are_multiplied():
    optimizer = built(AdamWOptimizer(groups=["backbone/.*=lr*0.1", "bias=decay*0", "kernel=lr*3,decay*5"]))
    optimizer.build(list(new_variables().values()))

    text = describe_groups(optimizer.parts)

    assert text.splitlines() == [
        "  AdamWOptimizer, lr*0.3, decay*5: backbone/kernel",
        "  AdamWOptimizer, lr*0.1, decay*0: backbone/bias",
        "  AdamWOptimizer, lr*3, decay*5: head/kernel",
        "  AdamWOptimizer, lr*1, decay*0: head/bias",
    ]


def test_patterns_match_whole_parts_of_a_path():
    optimizer = built(SGDOptimizer(groups=["head/kern.*=lr*0", "ack.*=lr*0", "backbone=lr*0.5"]))

    with pytest.raises(UsageError, match=r"`--optimizer.groups ack\.\*=lr\*0` matches no variable"):
        optimizer.build(list(new_variables().values()))


@pytest.mark.parametrize("optimizer", [AdamOptimizer, SGDOptimizer])
def test_variables_can_be_excluded_from_weight_decay(optimizer):
    weights = after_updates(built(optimizer(weight_decay=0.1, exclude_from_weight_decay=["bia"])))

    assert weights["head/bias"] == 2.0
    assert weights["head/kernel"] == pytest.approx(2 * 0.95)


def test_patterns_are_for_given_names():
    variables = new_variables()
    names = {id(v): path.replace("head", "tail") for path, v in variables.items()}
    params = TrainerParams(optimizer=SGDOptimizer(groups=["tail=lr*0"]), learning_rate=Constant(lr=1.0))
    params.learning_rate.epochs, params.learning_rate.steps_per_epoch = 1, 1
    optimizer = build_optimizer(params, names).optimizer

    optimizer.apply([keras.ops.ones(v.shape) for v in variables.values()], list(variables.values()))

    assert [float(np.ravel(v)[0]) for v in variables.values()] == [1.0, 1.0, 2.0, 2.0]


def test_lamb_excludes_by_itself():
    assert not isinstance(built(LAMBOptimizer(exclude_from_weight_decay=["bias"])), GroupedOptimizer)


@pytest.mark.parametrize("optimizer", [AdamOptimizer, LAMBOptimizer])
def test_groups_without_factors_train_as_no_groups(optimizer):
    plain, grouped = built(optimizer()), built(optimizer(groups=["bias=lr*1", "kernel=decay*3"]))

    assert isinstance(grouped, GroupedOptimizer)
    assert after_updates(plain, 0.7, steps=5) == pytest.approx(after_updates(grouped, 0.7, steps=5), rel=1e-7)


def test_all_groups_are_clipped_together():
    plain = built(SGDOptimizer(global_clip_norm=0.3))
    grouped = built(SGDOptimizer(global_clip_norm=0.3, groups=["bias=lr*1", "kernel=decay*0"]))

    assert after_updates(grouped, 5.0) == pytest.approx(after_updates(plain, 5.0), rel=1e-6)


def test_two_optimizers_update_only_their_own_variables():
    part = PartOptimizerParams("head", SGDOptimizer(), Constant(lr=0.01))
    optimizer = built(AdamOptimizer(), [part])

    weights = after_updates(optimizer, gradient=3.0, steps=1)

    assert weights == pytest.approx(
        {"backbone/kernel": 1.5, "backbone/bias": 1.5, "head/kernel": 1.97, "head/bias": 1.97}, rel=1e-5
    )


def test_each_optimizer_has_its_own_schedule_and_rate_in_the_logs():
    steps = PiecewiseParams(lr=1.0, boundaries=[1], factors=[0.1])
    optimizer = built(SGDOptimizer(), [PartOptimizerParams("head", SGDOptimizer(), steps)])

    weights = after_updates(optimizer, gradient=0.1, steps=3)

    assert weights["backbone/bias"] == pytest.approx(2 - 3 * 0.5 * 0.1)
    assert weights["head/bias"] == pytest.approx(2 - (1 + 1 + 0.1) * 0.1)
    rates = {name: float(rate) for name, rate in optimizer.learning_rates.items()}
    assert rates == pytest.approx({"lr": 0.5, "lr/head": 0.1})
    assert float(optimizer.learning_rate) == 0.5


def test_a_scheduler_may_be_left_out():
    optimizer = built(SGDOptimizer(), [PartOptimizerParams("head", SGDOptimizer())])

    assert float(optimizer.learning_rates["lr/head"]) == pytest.approx(0.001)


def test_variables_without_a_gradient_stay():
    optimizer = built(AdamOptimizer(groups=["head=lr*0.5"], global_clip_norm=1.0))
    variables = list(new_variables().values())

    optimizer.apply([None, keras.ops.ones((2,)), None, None], variables)

    assert [float(np.ravel(v)[0]) for v in variables] == pytest.approx([2.0, 1.5, 2.0, 2.0], rel=1e-5)
    assert int(optimizer.iterations) == 1


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        (["head", ".*/bias"], r"Two optimizers want to train `head/bias`: `head` and `\.\*/bias`"),
        (["neck"], r"variables neck` matches no variable that is trained. There are: backbone/kernel"),
        ([""], "must name the variables"),
    ],
)
def test_parts_must_be_clear(patterns, message):
    parts = [PartOptimizerParams(pattern, SGDOptimizer()) for pattern in patterns]

    with pytest.raises(UsageError, match=message):
        built(SGDOptimizer(), parts).build(list(new_variables().values()))


def test_the_name_of_a_grouped_optimizer_tells_those_inside():
    optimizer = built(AdamOptimizer(), [PartOptimizerParams("head", SGDOptimizer())])
    optimizer.build(list(new_variables().values()))
    scaling = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1))

    assert optimizer_name(optimizer) == "GroupedOptimizer(Adam, SGD)"
    assert optimizer_name(scaling) == "LossScaleOptimizer(SGD)"


def test_loss_scaling_wraps_groups():
    groups = ["backbone=lr*0.1"]
    scaling = keras.optimizers.LossScaleOptimizer(built(SGDOptimizer(groups=groups)), initial_scale=8.0)

    weights = after_updates(scaling, gradient=8.0)

    assert weights == pytest.approx(after_updates(built(SGDOptimizer(groups=groups)), gradient=1.0))


def test_arguments_that_keras_refuses_are_reported():
    class Wrong(SGDOptimizer):
        def create(self):
            return keras.optimizers.SGD, {"no_such": 1}

    with pytest.raises(UsageError, match="`SGD` can not be created with"):
        built(Wrong())

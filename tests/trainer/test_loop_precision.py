"""Precision, XLA and determinism in whole trainings of the toy."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tests.trainer.test_trainer import assert_same_bits, toy_params, train, weights
from tfaip.errors import UsageError
from tfaip.trainer.params import Precision, TrainerParams
from tfaip.trainer.trainer import Trainer

# pyright: reportOptionalMemberAccess=false, reportArgumentType=false

_ROOT = Path(__file__).parents[2]
_HALVES = {tf.float16.as_datatype_enum, tf.bfloat16.as_datatype_enum}

TWO_RUNS = """
import sys
import numpy as np
from tests.trainer.test_trainer import toy_params, train, weights
from tfaip.trainer.trainer import Trainer

folder = sys.argv[1]
switches = {"deterministic": True, "random_seed": None}
params = lambda name, epochs: toy_params(f"{folder}/{name}", epochs=epochs, **switches)
one, other = (train(params(name, 3))[0] for name in "ab")
train(params("c", 1))
stored, _ = Trainer.parse_trainer_params(f"{folder}/c")
stored.epochs = 3
resumed, _ = train(stored, restore=True)
assert stored.random_seed == 0
for again in (other, resumed):
    for a, b in zip(weights(one), weights(again), strict=True):
        np.testing.assert_array_equal(a, b)
print("same")
"""


def types_in(saved_model):
    """Return the types of all operations of a SavedModel."""
    proto = saved_model_pb2.SavedModel.FromString((saved_model / "saved_model.pb").read_bytes())
    graph = proto.meta_graphs[0].graph_def
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    return {value.type for node in nodes for value in node.attr.values() if value.type}


@pytest.mark.parametrize("switch", [{"precision": Precision.MIXED_BFLOAT16}, {"jit_compile": True}], ids=str)
def test_a_resumed_training_ends_with_the_same_bits(tmp_path, switch):
    unbroken, logs = train(toy_params(tmp_path / "a", epochs=3, ema_decay=0.9, **switch))
    train(toy_params(tmp_path / "b", epochs=1, ema_decay=0.9, **switch))
    params, _ = Trainer.parse_trainer_params(str(tmp_path / "b"))
    params.epochs = 3

    resumed, resumed_logs = train(params, restore=True)

    assert_same_bits(weights(unbroken), weights(resumed))
    assert logs == resumed_logs
    assert keras.config.dtype_policy().name == "float32"


def test_an_export_computes_in_float32_whatever_the_training_did(tmp_path):
    trainer, _ = train(toy_params(tmp_path, precision=Precision.MIXED_BFLOAT16, skip_model_load_test=False))
    exact, _ = train(toy_params(epochs=0))
    for weight, value in zip(exact.scenario.root_graph.weights, weights(trainer), strict=True):
        weight.assign(value)
    x = np.random.RandomState(0).normal(size=(5, 3)).astype("float32")

    outputs = tf.saved_model.load(str(tmp_path / "export" / "serve"))({"x": x}, training=False)

    expected = exact.scenario.root_graph.predict({"x": x})
    np.testing.assert_allclose(outputs["logits"], expected["logits"], rtol=1e-6, atol=1e-6)
    for folder in ("best", "export"):
        assert not types_in(tmp_path / folder / "serve") & _HALVES
        nodes = json.loads((tmp_path / folder / "net_config.json").read_text())["outNodes"]
        assert nodes["logits"]["dtype"] == "float32"
    graph = trainer.scenario.root_graph
    assert graph.train({"x": tf.constant(x)}, None)["logits"].dtype == tf.bfloat16


def test_float16_on_a_cpu_is_bfloat16_with_one_warning(caplog):
    with caplog.at_level(logging.WARNING):
        trainer, _ = train(toy_params(epochs=1, precision=Precision.MIXED_FLOAT16))

    warnings = [r.getMessage() for r in caplog.records if "precision" in r.getMessage()]
    assert warnings == [
        "`--trainer.precision mixed_float16` needs a GPU; on this machine it is mixed_bfloat16."
    ]
    assert trainer.scenario.graph.hidden.compute_dtype == "bfloat16"
    assert trainer.params.precision == Precision.MIXED_FLOAT16


def test_a_scaled_loss_is_part_of_the_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr("tfaip.trainer.trainer.usable_policy", lambda name: name)  # as on a GPU
    switch = {"precision": Precision.MIXED_FLOAT16}
    unbroken, _ = train(toy_params(tmp_path / "a", epochs=2, **switch))
    train(toy_params(tmp_path / "b", epochs=1, **switch))
    params, _ = Trainer.parse_trainer_params(str(tmp_path / "b"))
    params.epochs = 2

    resumed, _ = train(params, restore=True)

    assert_same_bits(weights(unbroken), weights(resumed))
    one, other = (t.scenario.keras_train_model for t in (unbroken, resumed))
    assert one.guard.num_skipped == other.guard.num_skipped
    assert int(one.optimizer.step_counter) == int(other.optimizer.step_counter) > 0


def test_operations_that_xla_does_not_know_are_refused_with_the_flag_to_leave_out(monkeypatch):
    def loss(self, inputs, targets, outputs):
        python = tf.numpy_function(np.square, [outputs["logits"]], tf.float32)
        return {"python": outputs["logits"] ** 2 + tf.stop_gradient(python)}

    monkeypatch.setattr("tests.toy.model.ToyModel._loss", loss)
    monkeypatch.setattr("tests.toy.model.ToyModel._loss_weights", lambda self: None)

    with pytest.raises(UsageError, match=r"XLA cannot compile.*Leave out `--trainer.jit_compile True`"):
        train(toy_params(jit_compile=True))


def test_a_deterministic_training_gives_the_same_bits_without_a_seed_of_its_own(tmp_path):
    command = [sys.executable, "-c", TWO_RUNS, str(tmp_path)]

    result = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=200)

    assert result.stdout.endswith("same\n"), result.stderr


@pytest.mark.parametrize(
    ("switches", "message"),
    [
        ({"random_seed": None}, "not repeatable: set `--trainer.random_seed`"),
        ({"random_seed": 7}, "Repeatable with the seed 7, but kernels of a GPU may differ"),
    ],
)
def test_the_log_says_whether_a_training_can_be_repeated(caplog, switches, message):
    with caplog.at_level(logging.INFO):
        train(toy_params(epochs=0, **switches))

    assert message in caplog.text


@pytest.mark.parametrize(
    ("switches", "message"),
    [
        (
            {"jit_compile": True, "force_eager": True},
            "`--trainer.force_eager True` exclude",
        ),
        ({"deterministic": True, "device.gpu_auto_tune": True}, "gpu_auto_tune True` exclude each other"),
        (
            {"precision": Precision.MIXED_BFLOAT16, "scenario.use_input_gradient_regularization": True},
            "precision mixed_bfloat16` is too coarse",
        ),
    ],
)
def test_switches_that_exclude_each_other_are_refused(switches, message):
    params = TrainerParams()
    for name, value in switches.items():
        part, _, field = name.rpartition(".")
        setattr(getattr(params, part) if part else params, field, value)

    with pytest.raises(UsageError, match=message):
        params.__post_init__()

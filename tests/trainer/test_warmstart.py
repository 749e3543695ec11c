# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportOptionalMemberAccess=false
# pyright: reportIncompatibleMethodOverride=false, reportIndexIssue=false, reportOptionalCall=false
import logging
import re
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.toy.params import ToyModelParams
from tests.toy.scenario import ToyScenario
from tests.trainer.test_trainer import assert_same_bits, toy_params, train, weights
from tests.trainer.warmstarters import AdaptingWarmStarter, AdaptingWarmStartParams
from tfaip.errors import StorageError, UsageError
from tfaip.scripts.train import parse_args
from tfaip.trainer.warmstart.matching import WeightNameError
from tfaip.trainer.warmstart.warmstart_params import WarmStartParams
from tfaip.trainer.warmstart.warmstarter import WarmStarter

ARCHIVED = Path(__file__).parent / "archived"
PAGE = Path(__file__).parents[2] / "docs" / "howto" / "warm_start.md"

# The weights of the toy: kernel and bias of `hidden`, four of the normalisation, kernel and bias of `dense`.
HIDDEN, NORMALISATION, DENSE = slice(0, 2), slice(2, 6), slice(6, 8)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return the output folder of a training, and its weights."""
    folder = tmp_path_factory.mktemp("warm") / "run"
    return folder, weights(train(toy_params(folder))[0])


@pytest.fixture(scope="module")
def fresh():
    """Return the weights of a model that nobody trained."""
    return weights(train(toy_params(epochs=0))[0])


def warm(path=None, *, epochs=0, seed=7, **kwargs):
    """Return the weights of a model that is warm-started and not trained."""
    params = toy_params(epochs=epochs, random_seed=seed)
    params.warmstart = WarmStartParams(model=None if path is None else str(path), **kwargs)
    return weights(train(params)[0])


# ---- where weights come from


@pytest.mark.parametrize("place", ["export", "export/serve", "", "variables", "variables/variables"])
def test_weights_come_from_exports_and_checkpoints(run, place):
    folder, expected = run

    assert_same_bits(warm(folder / place, seed=99), expected)


def test_the_best_model_computes_what_it_computed_when_it_was_the_best(run):
    folder, _ = run
    params = toy_params(epochs=0)
    params.warmstart.model = str(folder / "best")
    x = np.random.RandomState(0).normal(size=(5, 3)).astype("float32")

    trainer, _ = train(params)

    best: Any = tf.saved_model.load(str(folder / "best" / "serve"))
    best = best({"x": tf.constant(x)})
    np.testing.assert_allclose(trainer.scenario.keras_predict_model({"x": x})["logits"], best["logits"], 1e-6)


def test_exports_hold_the_average_and_checkpoints_the_raw_weights(tmp_path):
    trainer, _ = train(toy_params(tmp_path, ema_decay=0.5))
    trainer.scenario.keras_train_model.weight_average.activate()
    averaged = weights(trainer)
    trainer.scenario.keras_train_model.weight_average.deactivate()

    assert_same_bits(warm(tmp_path / "export"), averaged)
    assert_same_bits(warm(tmp_path), weights(trainer))


def test_the_home_folder_may_be_a_tilde(run, monkeypatch):
    folder, expected = run
    monkeypatch.setenv("HOME", str(folder.parent))

    assert_same_bits(warm("~/run/export", seed=99), expected)


@pytest.mark.parametrize("place", ["serve", "checkpoint", "checkpoint/variables/variables"])
def test_weights_come_from_tfaip_1_by_name(place, caplog):
    with caplog.at_level(logging.WARNING):
        loaded = warm(ARCHIVED / place)

    # The order is another one: Keras 2 has the means and variances at the end, after its own counter.
    numbers = [0, 1, 2, 3, 7, 8, 4, 5]
    for number, weight in zip(numbers, loaded, strict=True):
        np.testing.assert_array_equal(weight, np.full(weight.shape, number))
    assert "in their order" not in caplog.text


def test_an_export_whose_names_are_others_is_loaded_in_order_with_a_warning(run, caplog):
    folder, expected = run

    with caplog.at_level(logging.WARNING):
        loaded = warm(folder / "export", seed=99, rename=["hidden->first"])

    assert_same_bits(loaded, expected)
    assert "Missing in the file: hidden/kernel:0, hidden/bias:0" in caplog.text
    assert "loaded in their order" in caplog.text


def test_a_checkpoint_whose_names_are_others_is_not_loaded_in_order(run):
    with pytest.raises(WeightNameError, match="Not in the model: first/kernel:0"):
        warm(run[0], rename=["hidden->first"])


@pytest.mark.parametrize("name", ["nowhere", "empty", "text.txt", "text.pb"])
def test_a_path_without_weights_is_refused_with_what_is_possible(tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").write_text("text")
    (tmp_path / "text.pb").write_text("text")

    with pytest.raises(UsageError, match=rf"--warmstart\.model .*{re.escape(name)}.*run/best"):
        warm(tmp_path / name)


@pytest.mark.parametrize("place", ["export", ""])
def test_a_damaged_file_is_a_storage_error(run, tmp_path, place):
    copy = shutil.copytree(run[0], tmp_path / "copy")
    bundle = copy / place / ("serve/variables" if place else "variables")
    (bundle / "variables.index").write_bytes(b"\0" * 100)

    with pytest.raises(StorageError, match="Nothing was loaded"):
        warm(copy / place)


def test_a_flipped_bit_is_found(run, tmp_path):
    copy = shutil.copytree(run[0], tmp_path / "copy")
    file = copy / "variables" / "variables.data-00000-of-00001"
    content = bytearray(file.read_bytes())
    content[20] ^= 1  # the optimizer, which is not read, comes behind the model
    file.write_bytes(content)

    with pytest.raises(StorageError, match="Nothing was loaded"):
        warm(copy)


# ---- which weights


def test_exclude_leaves_weights_fresh_and_says_so(run, fresh, caplog):
    with caplog.at_level(logging.INFO):
        loaded = warm(run[0] / "export", exclude="hidden/.*")

    assert_same_bits(loaded[HIDDEN], fresh[HIDDEN])
    assert_same_bits(loaded[NORMALISATION], run[1][NORMALISATION])
    assert "6 weights are warm: batch_normalization/gamma:0" in caplog.text
    assert "2 weights are cold, they keep their fresh values: hidden/kernel:0, hidden/bias:0" in caplog.text
    assert "2 loaded weights are not used: hidden/kernel:0, hidden/bias:0" in caplog.text


def test_include_takes_nothing_else(run, fresh):
    loaded = warm(run[0] / "export", include="hidden/.*")

    assert_same_bits(loaded[HIDDEN], run[1][HIDDEN])
    assert_same_bits(loaded[DENSE], fresh[DENSE])


def test_rename_brings_names_together(run, fresh, monkeypatch):
    rename_hidden(monkeypatch, "first")

    assert_same_bits(warm(run[0], rename=["hidden->first"], seed=99), run[1])
    assert_same_bits(warm(run[0], rename_targets=["first->hidden"], seed=99), run[1])


def test_partial_loading_takes_what_has_the_same_name(run, monkeypatch):
    rename_hidden(monkeypatch, "first")

    loaded = warm(run[0], allow_partial=True, seed=99)

    assert_same_bits(loaded[DENSE], run[1][DENSE])
    assert not np.array_equal(loaded[0], run[1][0])


def test_names_may_keep_the_graph(run):
    loaded = warm(run[0], trim_graph_name=False, include="root/ToyGraph/.*", seed=99)

    assert_same_bits(loaded, run[1])


def test_nothing_in_common_is_refused_with_both_lists(run):
    with pytest.raises(WeightNameError, match=r"Model: hidden/kernel:0.*File: x/bias:0|Model: .*File: "):
        warm(run[0], rename=["hidden->a", "dense->b", "batch_normalization->c"])


def test_another_shape_is_refused_and_nothing_is_loaded(run):
    params = toy_params(epochs=0)
    params.scenario.model = ToyModelParams(nodes=9)
    params.warmstart.model = str(run[0] / "export")
    trainer = ToyScenario.create_trainer(params)
    fresh = weights_of(toy_params(epochs=0), nodes=9)

    with pytest.raises(WeightNameError, match=r"hidden/kernel:0 \(3, 8\) -> \(3, 9\).*warmstart\.exclude"):
        trainer.train()
    assert_same_bits(weights(trainer), fresh)


def test_the_other_weights_of_a_changed_model_are_loaded(run):
    params = toy_params(epochs=0)
    params.scenario.model = ToyModelParams(nodes=9)
    params.warmstart = WarmStartParams(model=str(run[0]), include="dense/bias")

    loaded = weights(train(params)[0])

    np.testing.assert_array_equal(loaded[7], run[1][7])


def test_models_made_later_in_a_process_find_their_weights(run):
    for _ in range(3):
        _ = keras.layers.BatchNormalization(), keras.layers.Dense(1)

    assert_same_bits(warm(run[0] / "export", seed=99), run[1])


# ---- what the training makes of it


def test_the_average_starts_from_the_warm_weights(run):
    params = toy_params(epochs=0, ema_decay=0.9)
    params.warmstart.model = str(run[0] / "export")

    trainer, _ = train(params)

    average = trainer.scenario.keras_train_model.weight_average
    assert_same_bits([a.numpy() for a in average.averages], [w.numpy() for w in average.weights])
    np.testing.assert_array_equal(average.averages[0].numpy(), run[1][0])


def test_the_optimizer_is_built_on_warm_weights(run):
    seen = []

    class Looks(WarmStarter):
        def apply_weights(self, target_model, new_weights):
            super().apply_weights(target_model, new_weights)
            seen.append(hasattr(trainer.scenario.keras_train_model, "optimizer"))

    params = toy_params(epochs=0)
    params.warmstart.model = str(run[0] / "export")
    trainer = ToyScenario.create_trainer(params)
    trainer.create_warmstarter = lambda: Looks(params.warmstart)

    trainer.train()

    assert seen == [False]


def test_a_warm_started_training_goes_on_from_there(run):
    params = toy_params(epochs=1)
    params.warmstart.model = str(run[0])
    params.learning_rate.lr = 0.0

    trainer, _ = train(params)

    assert_same_bits(weights(trainer)[HIDDEN], run[1][HIDDEN])


# ---- several files


def test_parts_come_from_other_runs(run, fresh, tmp_path, caplog):
    train(toy_params(tmp_path, random_seed=3, epochs=1))
    other = warm(tmp_path)

    with caplog.at_level(logging.INFO):
        loaded = warm(
            base=str(run[0] / "export"),
            override=[f"hidden={tmp_path / 'export'}", f"hidden/bias={run[0]}"],
            exclude_keys=["dense"],
        )

    assert_same_bits(loaded[:1], other[:1])
    assert_same_bits(loaded[1:6], run[1][1:6])
    assert_same_bits(loaded[DENSE], fresh[DENSE])
    assert f"Warm start of hidden/bias from {run[0]}" in caplog.text
    assert "2 weights are cold, they keep their fresh values: root/ToyGraph/dense/kernel:0" in caplog.text


def test_a_part_that_has_other_weights_is_refused(run):
    with pytest.raises(WeightNameError, match=r"`.*` for `hidden`: missing hidden/kernel, hidden/bias"):
        warm(base=str(run[0]), override=[f"hidden={run[0]}"], rename=["hidden->first"])


def test_a_path_of_a_part_that_does_not_exist_is_named(run):
    with pytest.raises(UsageError, match=r"`--warmstart\.override hidden=nowhere` does not exist"):
        warm(base=str(run[0]), override=["hidden=nowhere"])


# ---- params


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "a", "base": "b"}, r"`--warmstart\.model` can not be given together"),
        ({"override": ["a=b"], "exclude": "x"}, r"`--warmstart\.exclude` can not be given together"),
        ({"exclude_keys": ["a"]}, r"`--warmstart\.exclude_keys` goes with `--warmstart\.base`"),
        ({"base": "a", "override": ["head"]}, "takes KEY=PATH, got 'head'"),
        ({"rename": ["a>b"]}, "FROM->TO"),
        ({"allow_partial": True, "include": "x"}, "allow_partial"),
    ],
)
def test_contradictions_are_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        WarmStartParams(**arguments)


def test_one_key_need_not_be_a_list():
    params = WarmStartParams(base="a", override="head=b", exclude_keys="head/linear3")  # type: ignore[arg-type]

    assert (params.override, params.exclude_keys) == (["head=b"], ["head/linear3"])


def test_arguments_that_nobody_takes_are_refused():
    with pytest.raises(TypeError, match="number"):
        WarmStarter(WarmStartParams(), number=3)


# ---- warm starters of one's own


def test_a_warm_starter_is_chosen_by_the_class_of_its_params():
    line = "tests.toy.scenario --warmstart tests.trainer.warmstarters:AdaptingWarmStartParams"

    _, params = parse_args([*line.split(), "--warmstart.model", "run", "--warmstart.value", "3"])

    assert type(params.warmstart).__name__ == "AdaptingWarmStartParams"
    assert type(params.warmstart.create()).__name__ == "AdaptingWarmStarter"
    assert (params.warmstart.model, params.warmstart.value) == ("run", 3)


@pytest.mark.parametrize("source", ["export", ""])
def test_a_warm_starter_may_trim_adapt_shapes_and_assign(run, source):
    params = toy_params(epochs=0)
    params.scenario.model = ToyModelParams(nodes=9)
    params.warmstart = AdaptingWarmStartParams(model=str(run[0] / source), trim_graph_name=False, value=5.0)

    trainer, _ = train(params)

    kernel = weights(trainer)[0]
    np.testing.assert_array_equal(kernel[:, :8], run[1][0])
    np.testing.assert_array_equal(kernel[:, 8], 5.0)
    assert params.warmstart.seen[0] == "root/ToyGraph/hidden/kernel:0"


def test_a_trainer_may_bring_its_own_warm_starter(run):
    params = toy_params(epochs=0)
    params.warmstart.model = str(run[0])
    own = AdaptingWarmStartParams(model=str(run[0]), value=1.0)

    class OwnTrainer(ToyScenario.trainer_cls()):
        def create_warmstarter(self):
            return AdaptingWarmStarter(own)

    OwnTrainer(params, ToyScenario(params.scenario)).train()

    assert len(own.seen) == 8


def test_a_value_may_be_transformed(run):
    class Doubles(WarmStarter):
        def _transform_weight(self, weight, trainable_name, name):
            return weight * 2 if trainable_name == f"root/ToyGraph/{name}" else weight

    params = toy_params(epochs=0)
    params.warmstart.model = str(run[0])
    trainer = ToyScenario.create_trainer(params)
    trainer.create_warmstarter = lambda: Doubles(params.warmstart)
    trainer.train()

    np.testing.assert_array_equal(weights(trainer)[0], 2 * run[1][0])


# ---- what wins


def table_rows():
    """Return the rows of the page's table: what is given, and what wins."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    start = next(i for i, row in enumerate(cells) if row[0] == "pretrained")
    return [(*(cell == "yes" for cell in row[:3]), row[3]) for row in cells[start + 2 : start + 10]]


def test_the_table_has_every_combination():
    assert len({row[:3] for row in table_rows()}) == 8


@pytest.mark.parametrize(("pretrained", "is_warm", "is_resumed", "winner"), table_rows())
def test_what_wins_is_what_the_table_says(
    run, fresh, tmp_path, monkeypatch, caplog, pretrained, is_warm, is_resumed, winner
):
    checkpoint = weights(train(toy_params(tmp_path, epochs=1, random_seed=5))[0])
    if pretrained:
        give_weights(monkeypatch, 5.0)
    params = toy_params(tmp_path if is_resumed else None, epochs=1 if is_resumed else 0)
    params.inexact_resume = True  # it has another seed
    if is_warm:
        params.warmstart.model = str(run[0])

    with caplog.at_level(logging.WARNING):
        kernel = weights(train(params, restore=is_resumed)[0])[0]

    expected = {
        "the initializers": fresh[0],
        "the graph": np.full((3, 8), 5.0),
        "the warm start": run[1][0],
        "the checkpoint": checkpoint[0],
    }
    np.testing.assert_array_equal(kernel, expected[winner])
    assert ("The warm start is ignored" in caplog.text) == (is_warm and is_resumed)


# ---- helpers


def rename_hidden(monkeypatch, name):
    """Let the toy's first layer have another name."""
    create = keras.layers.Dense

    def dense(*args, **kwargs):
        return create(*args, **{**kwargs, **({"name": name} if "name" in kwargs else {})})

    monkeypatch.setattr("tests.toy.model.keras.layers.Dense", dense)


def give_weights(monkeypatch, value):
    """Let the toy's graph set the weights of its first layer itself."""
    create = keras.layers.Dense

    def dense(*args, **kwargs):
        return create(*args, kernel_initializer=keras.initializers.Constant(value), **kwargs)

    monkeypatch.setattr("tests.toy.model.keras.layers.Dense", dense)


def weights_of(params, *, nodes):
    params.scenario.model = ToyModelParams(nodes=nodes)
    return weights(train(params)[0])

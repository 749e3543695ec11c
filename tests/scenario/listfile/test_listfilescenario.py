import logging

import keras
import numpy as np
import pytest

from tests.scenario.listfile.toy_lists import ListToyScenario, write_list
from tfaip.data.pipeline.definitions import PipelineMode
from tfaip.errors import UsageError
from tfaip.lav.params import LAVParams
from tfaip.params.parser import TFAIPArgumentParser
from tfaip.scenario.listfile.listfilelav import ListFileLAV
from tfaip.scenario.listfile.params import ListFileTrainerPipelineParams
from tfaip.trainer.trainer import Trainer


class FailsIn(keras.callbacks.Callback):
    """Ends a training hard at the start of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


@pytest.fixture
def params(tmp_path):
    params = ListToyScenario.default_trainer_params()
    params.gen.train.lists = [
        write_list(tmp_path / "a.lst", range(30)),
        write_list(tmp_path / "b.lst", range(30, 40)),
    ]
    params.gen.train.list_ratios = [2, 1]
    params.gen.val.lists = [write_list(tmp_path / "v.lst", range(1000, 1020))]
    return params


def train(params, **kwargs):
    trainer = ListToyScenario.create_trainer(params)
    return trainer, trainer.train(**kwargs)


def weights(trainer):
    return [v.numpy() for v in trainer.scenario.root_graph.weights]


def test_lists_are_flags(params):
    parser = TFAIPArgumentParser()
    defaults = ListToyScenario.default_trainer_params()
    parser.add_root_argument("trainer", type(defaults), default=defaults)

    given = "--train.lists a b --train.list_ratios 2 1 --train.batch_size 3 --val.lists c --lav.lists d e"
    gen = parser.parse_args(given.split()).trainer.gen

    assert isinstance(gen, ListFileTrainerPipelineParams)
    assert (gen.train.lists, gen.train.list_ratios) == (["a", "b"], [2, 1])
    assert (gen.val.lists, gen.lav.lists, gen.setup.train.batch_size) == (["c"], ["d", "e"], 3)


def test_params_survive_json(params):
    again = type(params).from_json(params.to_json())

    assert again.gen == params.gen


def test_a_training_on_lists_learns(params):
    params.epochs = 10

    _, logs = train(params)

    assert logs["val_acc"] > 0.7


def test_an_epoch_has_as_many_steps_as_the_lists_have_entries(params):
    trainer = ListToyScenario.create_trainer(params)

    trainer.setup_data()
    trainer.setup_steps_per_epoch()

    assert trainer.steps_per_epoch == 40 // 8


@pytest.mark.parametrize("shuffle_buffer_size", [0, 12])
def test_a_broken_training_ends_with_the_same_bits_as_an_unbroken_one(params, tmp_path, shuffle_buffer_size):
    params.gen.setup.train.shuffle_buffer_size = shuffle_buffer_size
    params.epochs, params.samples_per_epoch = 4, 24  # an epoch ends in the middle of a pass
    params.output_dir = str(tmp_path / "unbroken")
    unbroken, logs = train(params)

    params.output_dir, params.current_epoch = str(tmp_path / "broken"), 0
    with pytest.raises(KeyboardInterrupt):
        train(params, callbacks=[FailsIn(2)])
    resumed = Trainer.restore_trainer(str(tmp_path / "broken"))

    assert resumed.train() == logs
    for one, other in zip(weights(unbroken), weights(resumed), strict=True):
        np.testing.assert_array_equal(one, other)


def test_without_validation_lists_there_is_no_validation(params, caplog):
    params.gen.val.lists = []

    with caplog.at_level(logging.WARNING):
        _, logs = train(params)

    assert "There are no validation samples" in caplog.text
    assert not [name for name in logs if name.startswith("val_")]


def test_without_training_lists_there_is_nothing_to_train_on(params):
    params.gen.train.lists, params.gen.train.list_ratios = [], None

    with pytest.raises(UsageError, match="training data of `ListsFileDataGenerator` are empty"):
        train(params)


def test_preloading_reads_every_line_of_a_list_once(params):
    params.gen.train.lists, params.gen.train.list_ratios = params.gen.train.lists[:1], None
    pipeline = params.gen.train_data(ListToyScenario(params.scenario).data)

    preloaded = pipeline.as_preloaded(progress_bar=False)

    assert pipeline.mode == PipelineMode.TRAINING
    assert sorted(int(sample.meta["id"]) for sample in preloaded.samples) == list(range(30))


def test_a_training_on_preloaded_lists_runs(params):
    params.preload_data, params.preload_data_progress_bar = True, False

    _, logs = train(params)

    assert "val_acc" in logs


def test_lav_reads_the_validation_lists_together_and_each_on_its_own_unless_it_has_lists(params):
    params.gen.val.lists, params.gen.val.check_files = ["v", "w"], False

    generators = params.gen.lav_gen()

    assert [generator.lists for generator in generators] == [["v", "w"], ["v"], ["w"]]
    assert not any(generator.check_files for generator in generators)
    params.gen.lav.lists = ["x"]
    assert [generator.lists for generator in params.gen.lav_gen()] == [["x"]]
    params.gen.lav.lists = params.gen.val.lists = []
    assert params.gen.lav_gen() == []


def test_a_training_validates_its_lists_with_lav_each_with_numbers_of_its_own(params, tmp_path):
    params.gen.val.lists.append(write_list(tmp_path / "w.lst", range(1020, 1025)))
    params.gen.setup.val.batch_size = 8
    params.lav_every_n, params.epochs = 2, 2
    params.output_dir = str(tmp_path / "run")
    params.scenario.print_eval_limit = 0

    _, logs = train(params)

    of_all, of_v, of_w = (logs[f"lav_l{k}_acc"] for k in range(3))
    assert of_all == pytest.approx(logs["val_acc"], abs=1e-6)
    assert of_all == pytest.approx((20 * of_v + 5 * of_w) / 25, abs=1e-6)
    assert (tmp_path / "run" / "lav_l2").is_dir()


def test_the_best_model_may_be_that_of_one_list(params, tmp_path, monkeypatch):
    monkeypatch.setattr("tests.toy.model.ToyModel._best_logging_settings", lambda _: ("max", "lav_l2_acc"))
    params.gen.val.lists.append(write_list(tmp_path / "w.lst", range(1020, 1025)))
    params.lav_every_n, params.epochs, params.output_dir = 1, 2, str(tmp_path / "run")
    params.scenario.print_eval_limit = 0

    trainer, _ = train(params)

    assert trainer.params.early_stopping.monitor == "lav_l2_acc"
    assert (tmp_path / "run" / "best" / "serve").is_dir()


def test_the_params_of_lav_need_no_tensorflow_unless_lav_is_another():
    class OtherLAV(ListFileLAV):
        @classmethod
        def params_cls(cls):
            return OtherParams

    class OtherParams(LAVParams):
        pass

    class Other(ListToyScenario):
        @classmethod
        def lav_cls(cls):
            return OtherLAV

    assert ListToyScenario.lav_params_cls() is LAVParams
    assert Other.lav_params_cls() is OtherParams

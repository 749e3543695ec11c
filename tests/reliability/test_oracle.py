"""The oracle itself: it calls equal what is equal, and notices each mistake that a restore could make."""

import dataclasses
import shutil

import keras
import pytest

from tests.reliability.oracle import assert_same, differences, digest, fingerprint
from tests.reliability.recorder import CALLBACK, LOG_VARIABLE
from tests.toy.scenario import ToyScenario
from tfaip.data.pipeline.stream import StreamPosition
from tfaip.trainer import checkpoints
from tfaip.trainer.scheduler import ExponentialDecayParams
from tfaip.trainer.trainer import Trainer

pytestmark = pytest.mark.slow

# pyright: reportOptionalMemberAccess=false


def toy_params(folder, num_processes=0):
    params = ToyScenario.default_trainer_params()
    params.output_dir = str(folder / "run")
    params.epochs, params.ema_decay, params.save_every_n_steps = 3, 0.9, 3
    params.export_best = params.export_final = False
    params.scenario.print_eval_limit = 0
    params.learning_rate = ExponentialDecayParams(lr=0.01, lr_decay_rate=0.5, learning_circle=1)
    params.early_stopping.mode, params.early_stopping.monitor = "max", "val_acc"
    params.early_stopping.current, params.early_stopping.n_to_go = 2.0, 100  # no accuracy is better
    params.callbacks = [CALLBACK]
    params.gen.setup.train.num_processes = max(1, num_processes)
    params.scenario.data.pre_proc.run_parallel = num_processes > 0
    return params


def train(folder, monkeypatch, *, callbacks=(), **kwargs):
    monkeypatch.setenv(LOG_VARIABLE, str(folder / "samples"))
    ToyScenario.create_trainer(toy_params(folder, **kwargs)).train(callbacks=list(callbacks))
    return found(folder)


def found(folder):
    return fingerprint(folder / "run", folder / "samples")


class Fails(keras.callbacks.Callback):
    """Ends a training hard in its third epoch, a step after a checkpoint."""

    epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def steps_until_due(self, done):
        return 1

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (2, 2):
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    with pytest.MonkeyPatch.context() as patch:
        return train(folder, patch)


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """A folder with a training that was broken off in its third epoch."""
    folder = tmp_path_factory.mktemp("broken")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        train(folder, patch, callbacks=[Fails()])
    return folder


def resumed(folder, broken, monkeypatch, mistake):
    """Resume a copy of the broken training with a mistake in the restore, and return its fingerprint."""
    shutil.copytree(broken, folder, dirs_exist_ok=True, symlinks=True)
    monkeypatch.setenv(LOG_VARIABLE, str(folder / "samples"))
    restore = checkpoints.restore

    def restore_with_mistake(model, *folders):
        restored = restore(model, *folders)
        mistake(model, restored.state)
        return restored

    monkeypatch.setattr(checkpoints, "restore", restore_with_mistake)
    params, _ = Trainer.parse_trainer_params(str(folder / "run"))
    params.output_dir = str(folder / "run")
    trainer = ToyScenario.create_trainer(params, restore=True)
    if mistake is lose_pipeline_seed:
        trainer.params.random_seed += 1
        trainer.params.inexact_resume = True  # it is refused else
    trainer.train()
    return found(folder)


def lose_nothing(model, state):
    pass


def lose_optimizer(model, state):
    for variable in model.optimizer.variables:
        if variable.shape:
            variable.assign(variable * 0)


def lose_average(model, state):
    for average, weight in zip(model.weight_average.averages, model.weight_average.weights, strict=True):
        average.assign(weight.value)


def lose_dropout_seed(model, state):
    (seed,) = [variable for variable in model.root.variables if "seed" in variable.path]
    seed.assign([7, 0])


def lose_pipeline_seed(model, state):
    """The random numbers of processors follow from the seed, the pass and the sample."""


def lose_position(model, state):
    state.position = StreamPosition()


def lose_schedule_step(model, state):
    model.optimizer.iterations.assign(0)


def lose_patience(model, state):
    state.best = dataclasses.replace(state.best, n=1)


def lose_running_metrics(model, state):
    model.reset_metrics()


def test_two_runs_have_the_same_fingerprint_with_any_number_of_workers(tmp_path, unbroken, monkeypatch):
    for workers in (0, 2):
        again = train(tmp_path / str(workers), monkeypatch, num_processes=workers)
        assert_same(unbroken, again)
        assert digest(unbroken) == digest(again)


def test_it_covers_all_that_belongs_to_a_training(unbroken):
    kinds = {name.split("/")[0] for name in unbroken}

    assert kinds == {"model", "optimizer", "average", "guard", "state", "history", "samples"}
    assert len([name for name in unbroken if name.startswith("samples/")]) == 15
    assert any("seed" in name for name in unbroken)


def test_a_resume_within_an_epoch_leaves_no_difference(tmp_path, unbroken, broken, monkeypatch):
    assert_same(unbroken, resumed(tmp_path, broken, monkeypatch, lose_nothing))


@pytest.mark.parametrize(
    "mistake",
    [
        lose_optimizer,
        lose_average,
        lose_dropout_seed,
        lose_schedule_step,
        lose_patience,
        lose_running_metrics,
    ],
)
def test_each_mistake_of_a_restore_is_noticed(tmp_path, unbroken, broken, monkeypatch, mistake):
    assert differences(unbroken, resumed(tmp_path, broken, monkeypatch, mistake))


@pytest.mark.parametrize("mistake", [lose_position, lose_pipeline_seed])
def test_other_samples_are_noticed_at_the_first_step_that_repeats(tmp_path, broken, monkeypatch, mistake):
    with pytest.raises(AssertionError, match="step 12 saw"):
        resumed(tmp_path, broken, monkeypatch, mistake)

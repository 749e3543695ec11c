"""A kill at any step of an export leaves a whole one, and a reader never meets anything else."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from tests.toy.scenario import ToyScenario
from tfaip.predict.exported_model import ExportedModel
from tfaip.trainer.trainer import Trainer

# pyright: reportOptionalMemberAccess=false

ROOT = Path(__file__).parents[2]
PROBE = {"x": np.eye(3, dtype="float32")}

# What a kill may hit: everything that changes or flushes a folder.
STEPS = ["mkdir", "replace", "rename", "link", "unlink", "rmdir", "fsync"]

TRAIN_AND_DIE = """
import os, signal, sys
from pathlib import Path
import tfaip.scenario.export as export
from tests.toy.scenario import ToyScenario

def die(folder, report, write=export.write_report):
    if folder.name.startswith(".export."):
        os.kill(os.getpid(), signal.SIGKILL)
    write(folder, report)

export.write_report = die
params = ToyScenario.default_trainer_params()
params.output_dir, params.ema_decay, params.scenario.print_eval_limit = sys.argv[1], 0.9, 0
ToyScenario.create_trainer(params).train()
"""

EXPORT_AND_DIE = """
import os, signal, sys
import tfaip.files
from tests.trainer.test_export_kill import STEPS, next_model, trained

trainer, steps, last = trained(None), 0, int(sys.argv[2])
trainer.scenario.export(sys.argv[1])
print("exported", flush=True)
next_model(trainer)

def counting(step):
    def run(*args, **kwargs):
        global steps
        steps += 1
        if steps == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(*args, **kwargs)
    return run

tfaip.files._swapped = counting(tfaip.files._swapped)
for name in STEPS:
    setattr(os, name, counting(getattr(os, name)))
trainer.scenario.export(sys.argv[1])
"""


def trained(output_dir, **kwargs):
    params = ToyScenario.default_trainer_params()
    params.output_dir = None if output_dir is None else str(output_dir)
    params.epochs = 1
    params.scenario.print_eval_limit = 0
    for name, value in kwargs.items():
        setattr(params, name, value)
    trainer = ToyScenario.create_trainer(params)
    trainer.train()
    return trainer


@pytest.fixture(scope="module")
def trainer():
    return trained(None)


def next_model(trainer):
    """Let all weights be those of one of two models, in turn, so that a mixture would be seen."""
    for weight in trainer.scenario.root_graph.weights:
        weight.assign(np.full(weight.shape, 0.5 if np.all(weight.numpy() == 0.25) else 0.25, "float32"))


def outputs(export):
    return ExportedModel(export)(PROBE)["logits"].numpy().tobytes()


def tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


class Snapshots:
    """Copies a folder before each step that changes a file system: what a kill there would leave."""

    def __init__(self, folder, into, monkeypatch):
        self.folder, self.into, self.steps = folder, into, []
        self._is_copying = False
        for name in STEPS:
            monkeypatch.setattr(os, name, self._copying(name, getattr(os, name)))
        swapped = sys.modules["tfaip.files"]._swapped
        monkeypatch.setattr("tfaip.files._swapped", self._copying("exchange", swapped))

    def _copying(self, name, step):
        def run(*args, **kwargs):
            if not self._is_copying:
                self._is_copying = True
                shutil.copytree(self.folder, self.into / f"{len(self.steps):03d}", symlinks=True)
                self.steps.append(name)
                self._is_copying = False
            return step(*args, **kwargs)

        return run


@pytest.mark.parametrize("foreign", [None, "lav_results.json", "notes.txt"])
def test_a_kill_at_any_step_of_an_export_leaves_the_old_or_the_new_one(
    trainer, tmp_path, monkeypatch, foreign
):
    folder, copies = tmp_path / "run", tmp_path / "copies"
    trainer.scenario.export(str(folder / "best"))
    if foreign:
        (folder / "best" / foreign).write_text("{}")
    old = tree(folder / "best")
    next_model(trainer)

    with monkeypatch.context() as patch:
        snapshots = Snapshots(folder, copies, patch)
        trainer.scenario.export(str(folder / "best"))
    new = tree(folder / "best")

    left = [tree(copy / "best") for copy in sorted(copies.iterdir())]
    assert {"exchange", "fsync", "replace"} <= set(snapshots.steps)
    assert len(left) == len(snapshots.steps) > 20
    assert old != new
    assert all(one in (old, new) for one in left)
    assert left[0] == old
    assert left[-1] == new
    assert ("notes.txt" in new) == (foreign == "notes.txt")
    assert os.listdir(folder) == ["best"]


def test_the_next_export_removes_what_a_kill_left(trainer, tmp_path, monkeypatch):
    folder, copies = tmp_path / "run", tmp_path / "copies"
    trainer.scenario.export(str(folder / "best"))
    with monkeypatch.context() as patch:
        Snapshots(folder, copies, patch)
        trainer.scenario.export(str(folder / "best"))
    after_kills = sorted(copies.iterdir())

    for copy in after_kills[:: len(after_kills) // 2]:
        trainer.scenario.export(str(copy / "best"))
        assert os.listdir(copy) == ["best"]
        assert outputs(copy / "best") == outputs(folder / "best")


@pytest.mark.parametrize("number", [8, pytest.param(1000, marks=pytest.mark.nightly)])
def test_predictors_meet_one_of_the_models_while_they_are_exchanged(trainer, tmp_path, number):
    models = set()
    for _ in range(2):
        next_model(trainer)
        trainer.scenario.export(str(tmp_path / "best"))
        models.add(outputs(tmp_path / "best"))
    seen, is_over = [], threading.Event()

    def read():
        while len(seen) < number and not is_over.is_set():
            seen.append(outputs(tmp_path / "best"))

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    with contextlib.ExitStack() as stack:
        stack.callback(is_over.set)
        while any(reader.is_alive() for reader in readers):
            next_model(trainer)
            trainer.scenario.export(str(tmp_path / "best"))
            time.sleep(0.2)  # no training has a better model more often

    assert len(models) == 2
    assert len(seen) >= number
    assert set(seen) <= models


@pytest.mark.slow
def test_a_training_killed_in_its_final_export_is_exported_without_a_step(tmp_path, caplog):
    unbroken = trained(tmp_path / "unbroken", epochs=2, ema_decay=0.9)
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    killed = subprocess.run(
        [sys.executable, "-c", TRAIN_AND_DIE, str(tmp_path / "broken")], env=env, capture_output=True
    )
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "broken" / "export").exists()

    resumed = Trainer.restore_trainer(str(tmp_path / "broken"))
    before = resumed.params.current_epoch
    logs = resumed.train()

    assert (before, logs) == (2, {})
    assert "Training complete, exporting: 2 of 2 epochs" in caplog.text
    assert outputs(tmp_path / "broken" / "export") == outputs(tmp_path / "unbroken" / "export")
    assert outputs(tmp_path / "broken" / "best") == outputs(tmp_path / "unbroken" / "best")
    assert not list((tmp_path / "broken").glob(".export.*"))
    assert unbroken.params.current_epoch == 2


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_a_process_killed_at_each_step_of_an_export_leaves_a_whole_one(tmp_path):
    trainer = trained(None)  # of the same seed as in the other process
    trainer.scenario.export(str(tmp_path / "some"))
    models = [outputs(tmp_path / "some")]
    next_model(trainer)
    trainer.scenario.export(str(tmp_path / "some"))
    models.append(outputs(tmp_path / "some"))
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    left = []

    for step in range(1, 200):
        export = tmp_path / f"killed_{step}" / "best"
        command = [sys.executable, "-c", EXPORT_AND_DIE, str(export), str(step)]
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"exported\n"
            while process.poll() is None:
                assert outputs(export) in models
        left.append(models.index(outputs(export)))
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL

    assert len(left) > 20
    assert left == sorted(left)  # the old one, and from some step on the new one
    assert set(left) == {0, 1}

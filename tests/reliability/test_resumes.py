"""Trainings that are resumed: unchanged, with other params, when they are done, after a callback failed."""

import json
import shutil

import pytest

from tests.reliability.oracle import assert_same, fingerprint
from tests.reliability.recorder import CALLBACK, LOG_VARIABLE
from tests.reliability.zygote import Zygote

TRAIN = [
    "tests.toy",
    "--scenario.print_eval_limit",
    "0",
    "--trainer.callbacks",
    CALLBACK,
    "--trainer.ema_decay",
    "0.9",
]
NO_EXPORTS = ["--trainer.export_best", "False", "--trainer.export_final", "False"]


@pytest.fixture(scope="module")
def zygote():
    started = Zygote()
    yield started
    started.close()


@pytest.fixture(scope="module")
def unbroken(zygote, tmp_path_factory):
    """A training of four epochs."""
    folder = tmp_path_factory.mktemp("unbroken")
    assert run(zygote, folder, "train", *TRAIN, "--trainer.epochs", "4", *to(folder)).wait() == 0
    return folder


@pytest.fixture(scope="module")
def two_epochs(zygote, tmp_path_factory):
    """A training of two epochs, with exports."""
    folder = tmp_path_factory.mktemp("two")
    words = [*TRAIN, "--trainer.epochs", "2", *to(folder)[:2]]
    assert run(zygote, folder, "train", *words).wait() == 0
    return folder


@pytest.fixture
def copied(two_epochs, tmp_path):
    folder = tmp_path / "a copy"
    shutil.copytree(two_epochs, folder, symlinks=True)
    return folder


def to(folder):
    return ["--trainer.output_dir", str(folder / "run"), *NO_EXPORTS]


def run(zygote, folder, script, *words):
    return zygote.start(folder, script, *words, env={LOG_VARIABLE: str(folder / "samples")})


def resume(zygote, folder, *words):
    return run(zygote, folder, "resume_training", folder / "run", *words)


def last_line(training):
    return training.stderr.splitlines()[-1]


def files_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_more_epochs_of_a_copy_elsewhere_end_as_an_unbroken_training(zygote, unbroken, copied):
    resumed = resume(zygote, copied, "--trainer.epochs", "4", *NO_EXPORTS)

    assert resumed.wait() == 0, resumed.stderr
    assert_same(
        fingerprint(unbroken / "run", unbroken / "samples"), fingerprint(copied / "run", copied / "samples")
    )
    assert "Resumed after epoch 2 from" in resumed.stderr
    assert " Continued on 2" in (copied / "run" / "train.log").read_text()


def test_with_another_number_of_workers_it_ends_the_same(zygote, unbroken, copied):
    workers = ["--data.pre_proc.run_parallel", "True", "--train.num_processes", "3", "--train.prefetch", "2"]

    resumed = resume(zygote, copied, "--trainer.epochs", "4", *NO_EXPORTS, *workers)

    assert resumed.wait() == 0, resumed.stderr
    expected = fingerprint(unbroken / "run", unbroken / "samples")
    assert_same(expected, fingerprint(copied / "run", copied / "samples"))


def test_the_identical_command_says_what_is_different_and_goes_on(zygote, copied):
    words = [
        *TRAIN,
        "--trainer.epochs",
        "3",
        *to(copied),
        "--trainer.resume",
        "auto",
        "--learning_rate.lr",
        "0.5",
    ]

    resumed = run(zygote, copied, "train", *words)

    assert resumed.wait() == 0, resumed.stderr
    assert "trainer.learning_rate.lr: 0.01 -> 0.5" in resumed.stderr
    assert "trainer.epochs: 2 -> 3" in resumed.stderr


@pytest.mark.parametrize(
    ("flag", "value", "said"),
    [("--trainer.random_seed", "8", "7 -> 8"), ("--train.batch_size", "4", "8 -> 4")],
)
def test_what_makes_it_inexact_is_refused_unless_allowed(zygote, copied, flag, value, said):
    words = ["--trainer.epochs", "3", flag, value, *NO_EXPORTS]

    refused = resume(zygote, copied, *words)
    assert refused.wait() == 2
    assert f"`{flag}` {said}" in last_line(refused)
    assert "--trainer.inexact_resume True" in last_line(refused)

    allowed = resume(zygote, copied, *words, "--trainer.inexact_resume", "True")
    assert allowed.wait() == 0, allowed.stderr
    assert f"The resumed training is not exact: `{flag}` {said}." in allowed.stderr


def test_another_optimizer_or_layer_width_is_named_and_nothing_changes(zygote, copied):
    before = files_of(copied / "run" / "checkpoints")

    optimizer = resume(zygote, copied, "--trainer.epochs", "3", "--optimizer", "SGD")
    assert optimizer.wait() == 2
    assert "was written with the optimizer Adam, now it is SGD" in last_line(optimizer)
    width = resume(zygote, copied, "--trainer.epochs", "3", "--model.nodes", "9")
    assert width.wait() == 4
    assert "hidden/kernel (3, 8) -> (3, 9)" in last_line(width)
    assert files_of(copied / "run" / "checkpoints") == before


def test_a_finished_training_is_left_as_it_is(zygote, copied):
    before = {name: files_of(copied / "run" / name) for name in ("best", "export", "checkpoints")}

    resumed = resume(zygote, copied)

    assert resumed.wait() == 0
    assert "already finished: 2 of 2 epochs are done" in resumed.stderr
    assert {name: files_of(copied / "run" / name) for name in before} == before


def test_an_early_stop_stays_one_until_the_patience_is_larger(zygote, tmp_path):
    words = [*TRAIN, "--trainer.epochs", "9", "--learning_rate.lr", "0", "--early_stopping.n_to_go", "2"]
    assert run(zygote, tmp_path, "train", *words, *to(tmp_path)).wait() == 0
    stopped = json.loads((tmp_path / "run" / "variables" / "state.json").read_text())["state"]

    again = resume(zygote, tmp_path)
    assert again.wait() == 0
    assert "has not improved, checked 2 times" in last_line(again)
    assert json.loads((tmp_path / "run" / "variables" / "state.json").read_text())["state"] == stopped

    longer = resume(zygote, tmp_path, "--early_stopping.n_to_go", "3")
    assert longer.wait() == 0
    state = json.loads((tmp_path / "run" / "variables" / "state.json").read_text())["state"]
    assert state["epoch"] > stopped["epoch"]


def test_a_callback_that_fails_ends_with_its_traceback_and_the_resume_is_exact(zygote, unbroken, tmp_path):
    fails = "tests.reliability.slow_toy:FailsInEpoch3"
    words = [*TRAIN, fails, "--trainer.epochs", "4", *to(tmp_path)]
    words.remove(fails)
    words.insert(words.index(CALLBACK) + 1, fails)

    failed = run(zygote, tmp_path, "train", *words)
    assert failed.wait() == 1
    assert "RuntimeError: a mistake of the user" in failed.stderr
    resumed = resume(zygote, tmp_path, "--trainer.callbacks", CALLBACK)

    assert resumed.wait() == 0, resumed.stderr
    expected = fingerprint(unbroken / "run", unbroken / "samples")
    assert_same(expected, fingerprint(tmp_path / "run", tmp_path / "samples"))

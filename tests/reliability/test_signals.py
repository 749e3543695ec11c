"""Real signals to real trainings, in each of their phases."""

import os
import re
import signal
import time

import pytest

from tests.reliability.zygote import Zygote

TRAIN = ["tests.reliability.slow_toy", "--trainer.epochs", "3", "--trainer.lav_every_n", "1"]
PHASES = ["trace", "preload", "step", "validation", "lav", "export to best", "export to export"]
_TIMEOUT_SECONDS = 60


@pytest.fixture(scope="module")
def zygote():
    started = Zygote()
    yield started
    started.close()


def start(zygote, folder, phase="", *words, **options):
    """Start a training into `folder/run`, and return when it is in `phase`."""
    env = {"REST_IN": phase, "REST_FILE": str(folder / "resting")}
    given = [*TRAIN, "--trainer.output_dir", folder / "run", *words]
    if phase == "preload":
        given += ["--trainer.preload_data", "True"]
    training = zygote.start(folder, "train", *given, env=env, **options)
    wait_for(folder / "resting") if phase else None
    return training


def wait_for(file):
    end = time.monotonic() + _TIMEOUT_SECONDS
    while not file.exists():
        assert time.monotonic() < end, f"{file} did not appear"
        time.sleep(0.01)


def ended(training):
    """Return the exit code, the last line, and how long it took."""
    begin = time.monotonic()
    code = training.wait()
    return code, training.stderr.splitlines()[-1], time.monotonic() - begin


@pytest.mark.parametrize("phase", PHASES)
def test_sigterm_saves_and_says_how_to_go_on_in_every_phase(zygote, tmp_path, phase):
    training = start(zygote, tmp_path, phase)

    training.send(signal.SIGTERM)
    code, line, seconds = ended(training)

    assert code == 143, training.stderr
    assert seconds < 10
    assert "Traceback" not in training.stderr
    if phase in ("trace", "preload"):
        assert line == "tfaip: error: SIGTERM: nothing was trained yet. Start again."
        return
    expected = {
        "step": r"saved epoch 1 step [1-4]",
        "validation": "saved epoch 1 step 5",
        "lav": "saved epoch 1 step 5",
        "export to best": "saved epoch 1 step 5",
        "export to export": "the last checkpoint is epoch 3",
    }[phase]
    command = f"tfaip-resume-training {tmp_path / 'run'}"
    assert re.fullmatch(f"tfaip: error: SIGTERM: {expected}; resume with `{command}`.", line)
    assert not list((tmp_path / "run").rglob("*.incomplete"))
    assert ".training.lock" not in os.listdir(tmp_path / "run")
    if phase in ("export to best", "validation"):
        return  # as after LAV
    resumed = zygote.start(tmp_path / "resumed", "resume_training", tmp_path / "run")
    assert resumed.wait() == 0, resumed.stderr
    assert (tmp_path / "run" / "export" / "net_config.json").exists()


def test_a_training_that_cannot_save_in_time_ends_and_says_what_counts(zygote, tmp_path):
    training = start(zygote, tmp_path, "export to export", "--trainer.grace_seconds", "0.5")
    os.kill(training.pid, signal.SIGSTOP)  # so it does not react by itself
    os.kill(training.pid, signal.SIGTERM)
    os.kill(training.pid, signal.SIGCONT)

    code, line, seconds = ended(training)

    assert code == 143
    assert seconds < 5
    assert "resume with `tfaip-resume-training" in line


@pytest.mark.parametrize("phase", ["step", "lav"])
def test_a_second_signal_ends_within_two_seconds_and_tears_nothing(zygote, tmp_path, phase):
    training = start(zygote, tmp_path, phase)

    training.send(signal.SIGTERM)
    time.sleep(0.2)
    training.send(signal.SIGTERM)
    code, _, seconds = ended(training)

    assert code == 143
    assert seconds < 2
    assert goes_on(zygote, tmp_path)


def test_ten_ctrl_c_in_a_second_end_it_and_tear_nothing(zygote, tmp_path):
    training = start(zygote, tmp_path, "step")

    for _ in range(10):
        training.send_to_group(signal.SIGINT)
        time.sleep(0.1)
        if not os.path.exists(f"/proc/{training.pid}/cwd"):
            break
    code, line, _ = ended(training)

    assert code == 130
    assert line.startswith("tfaip: error: SIGINT: ")
    assert "Traceback" not in training.stderr
    assert goes_on(zygote, tmp_path)


def test_sigkill_soon_after_sigterm_tears_nothing(zygote, tmp_path):
    training = start(zygote, tmp_path, "step")

    training.send(signal.SIGTERM)
    time.sleep(0.05)
    training.send(signal.SIGKILL)

    assert training.wait() in (-signal.SIGKILL, 143)
    assert goes_on(zygote, tmp_path)


def test_a_closed_terminal_counts_as_sigterm(zygote, tmp_path):
    training = start(zygote, tmp_path, "step")

    training.send(signal.SIGHUP)
    code, line, _ = ended(training)

    assert code == 129
    assert "SIGHUP: saved epoch 1 step" in line


def test_a_reader_that_leaves_does_not_stop_a_training(zygote, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    training = start(zygote, tmp_path, "step", stdout=str(pipe), stderr=str(pipe))

    os.close(reader)

    assert training.wait() == 0
    assert (tmp_path / "run" / "export" / "net_config.json").exists()


def goes_on(zygote, folder):
    """Return whether the same command, told to go on, ends well."""
    words = [*TRAIN, "--trainer.output_dir", folder / "run", "--trainer.resume", "auto"]
    return zygote.start(folder / "resumed", "train", *words).wait() == 0

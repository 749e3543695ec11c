"""Disks that are full, folders that vanish, names that are odd; real trainings."""

import os
import re
import shutil
import signal
import subprocess
import time

import pytest

from tests.reliability.test_signals import TRAIN, start
from tests.reliability.zygote import Zygote
from tests.toy.scenario import ToyScenario
from tfaip.errors import UsageError
from tfaip.trainer.params import check_outputs

ODD = ["späce ü", "😀 %d {epoch} $HOME", "-dash 'q' \"d\" `x`", "new\nline", "x" * 200]
SMALL = ["tests.toy", "--scenario.print_eval_limit", "0"]
NO_EXPORTS = ["--trainer.export_best", "False", "--trainer.export_final", "False"]


@pytest.fixture(scope="module")
def zygote():
    started = Zygote()
    yield started
    started.close()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 512 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", folder], capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def train(zygote, folder, *words, **options):
    return zygote.start(folder, "train", *SMALL, *words, **options)


def digest_of(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_full_disk_leaves_the_checkpoint_before_and_ends_with_code_4(zygote, tmp_path, small_disk):
    words = ["--trainer.output_dir", small_disk / "run", "--trainer.resume", "auto", *NO_EXPORTS]
    assert train(zygote, tmp_path / "a", *words, "--trainer.epochs", "1").wait() == 0
    before = digest_of(small_disk / "run" / "checkpoints")
    free = os.statvfs(small_disk)
    (small_disk / "filler").write_bytes(bytes(max(0, free.f_bavail * free.f_bsize - 32 * 1024)))

    full = train(zygote, tmp_path / "b", *words, "--trainer.epochs", "5")

    assert full.wait() == 4, full.stderr
    line = full.stderr.splitlines()[-1]
    assert re.match(
        rf"tfaip: error: Could not write a checkpoint of [\d.]+ KB to `{small_disk}/run/checkpoints`, where ",
        line,
    )
    assert re.search(r"where [\d.]+ (bytes|KB) are free: .*No space left on device", line)
    after = digest_of(small_disk / "run" / "checkpoints")
    assert before.items() <= after.items()
    assert not [name for name in after if "incomplete" in name]
    (small_disk / "filler").unlink()
    resumed = train(zygote, tmp_path / "c", *words, "--trainer.epochs", "3")
    assert resumed.wait() == 0, resumed.stderr


def test_a_file_that_may_not_grow_is_no_death_by_signal(zygote, tmp_path):
    words = ["--trainer.output_dir", tmp_path / "run", "--trainer.resume", "auto", *NO_EXPORTS]
    words += ["--model.nodes", "3000"]
    assert train(zygote, tmp_path / "a", *words, "--trainer.epochs", "1").wait() == 0

    limited = train(zygote, tmp_path / "b", *words, "--trainer.epochs", "2", largest_file=65536)

    assert limited.wait() == 4, limited.stderr
    assert "Could not write a checkpoint of" in limited.stderr.splitlines()[-1]
    assert os.listdir(tmp_path / "run" / "checkpoints") == ["00001-epoch-1"]
    assert train(zygote, tmp_path / "c", *words, "--trainer.epochs", "2").wait() == 0


def test_a_full_disk_at_the_final_export_keeps_what_was_there(zygote, tmp_path):
    words = ["--trainer.output_dir", tmp_path / "run", "--trainer.resume", "auto"]
    assert train(zygote, tmp_path / "a", *words, "--trainer.epochs", "1").wait() == 0
    before = digest_of(tmp_path / "run" / "export"), digest_of(tmp_path / "run" / "best")

    limited = train(zygote, tmp_path / "b", *words, "--trainer.epochs", "2", largest_file=24 * 1024)

    assert limited.wait() == 4, limited.stderr
    assert "Traceback" not in limited.stderr
    assert (digest_of(tmp_path / "run" / "export"), digest_of(tmp_path / "run" / "best")) == before


def test_logs_and_event_files_that_cannot_be_written_do_not_stop_a_training(zygote, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "train").touch()  # where the folder of the event files would be
    (tmp_path / "run" / "train.log").symlink_to("/dev/full")

    training = train(zygote, tmp_path / "a", "--trainer.output_dir", tmp_path / "run", *NO_EXPORTS)

    assert training.wait() == 0, training.stderr
    assert (
        training.stderr.count("`/dev/full` cannot be written") + training.stderr.count("train.log` cannot")
        == 1
    )
    assert training.stderr.count("The event files in") == 1


def test_a_folder_that_vanishes_ends_the_training_and_is_not_made_again(zygote, tmp_path):
    training = start(zygote, tmp_path, "step")

    shutil.rmtree(tmp_path / "run")

    assert training.wait() == 4
    assert "was removed, or unmounted" in training.stderr.splitlines()[-1]
    assert not (tmp_path / "run").exists()


def test_a_second_training_in_the_same_folder_is_refused_and_the_first_goes_on(zygote, tmp_path):
    first = start(zygote, tmp_path, "step")

    for number in range(2):
        words = ["--trainer.resume", "auto"] if number else []
        second = zygote.start(
            tmp_path / "second", "train", *TRAIN, "--trainer.output_dir", tmp_path / "run", *words
        )
        assert second.wait() == 2
        assert f"in use: process {first.pid} on " in second.stderr

    assert first.wait() == 0
    before = digest_of(tmp_path / "run")
    third = zygote.start(tmp_path / "third", "train", *TRAIN, "--trainer.output_dir", tmp_path / "run")
    assert third.wait() == 2
    assert re.search(r"holds the training \w{12}, epoch 3 of 3\. Go on with it by", third.stderr)
    assert digest_of(tmp_path / "run") == before


def test_odd_names_work_for_training_resuming_moving_validating_and_predicting(zygote, tmp_path):
    run, elsewhere = tmp_path.joinpath(*ODD), tmp_path / "moved to {b}"
    words = ["--trainer.output_dir", run]
    trained = train(zygote, tmp_path / "a", *words, "--trainer.epochs", "1")
    assert trained.wait() == 0, trained.stderr
    shutil.move(run, elsewhere)

    resumed = zygote.start(tmp_path / "b", "resume_training", elsewhere, "--trainer.epochs", "2")
    assert resumed.wait() == 0, resumed.stderr
    shutil.copytree(elsewhere, run, symlinks=True)
    validated = zygote.start(tmp_path / "c", "lav", "--export_dir", run / "best")
    assert validated.wait() == 0, validated.stderr
    predicted = zygote.start(
        tmp_path / "d", "predict", "--export_dir", run / "export", "--dump", run / "dump"
    )
    assert predicted.wait() == 0, predicted.stderr
    assert (run / "dump").exists()


@pytest.mark.parametrize("name", ["a[b]", "a*", "a?", "a\\b"])
def test_names_that_tensorflow_cannot_read_are_refused(name):
    params = ToyScenario.default_trainer_params()
    params.output_dir = f"run/{name}/run"

    with pytest.raises(UsageError, match="takes for a pattern"):
        check_outputs(params)


def test_links_survive_and_what_leads_nowhere_is_refused(zygote, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real", target_is_directory=True)
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")

    trained = train(
        zygote, tmp_path / "a", "--trainer.output_dir", tmp_path / "link", "--trainer.epochs", "1"
    )
    assert trained.wait() == 0, trained.stderr
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "checkpoints" / "00001-epoch-1").is_dir()
    for name in ("dangling", "loop"):
        refused = train(zygote, tmp_path / "b", "--trainer.output_dir", tmp_path / name)
        assert refused.wait() == 2, refused.stderr


def test_a_program_that_changes_its_working_directory_writes_where_it_began(zygote, tmp_path):
    words = ["--trainer.output_dir", "run", "--trainer.callbacks", "tests.reliability.slow_toy:GoesElsewhere"]
    (tmp_path / "elsewhere").mkdir()
    env = {"ELSEWHERE": str(tmp_path / "elsewhere")}

    trained = train(zygote, tmp_path / "a", *words, env=env)

    assert trained.wait() == 0, trained.stderr
    assert os.listdir(tmp_path / "elsewhere") == []
    assert {"best", "checkpoints", "export", "train.log"} <= set(os.listdir(tmp_path / "a" / "run"))


def test_sigterm_while_a_slow_disk_writes_saves(zygote, tmp_path):
    words = ["--trainer.output_dir", tmp_path / "run", "--trainer.epochs", "50"]
    words += ["--trainer.callbacks", "tests.reliability.slow_toy:SlowDisk", *NO_EXPORTS]
    training = train(zygote, tmp_path / "a", *words)
    while not list(tmp_path.glob("run/checkpoints/*.incomplete")):
        time.sleep(0.01)

    training.send(signal.SIGTERM)

    assert training.wait() == 143, training.stderr
    assert "SIGTERM: saved epoch" in training.stderr.splitlines()[-1]
    assert not list(tmp_path.glob("run/checkpoints/*.incomplete"))


def test_too_little_room_is_said_before_the_first_step(zygote, tmp_path, small_disk):
    words = ["--trainer.output_dir", small_disk / "run", "--model.nodes", "10000", *NO_EXPORTS]

    training = train(zygote, tmp_path / "a", *words)

    assert training.wait() == 4
    said = training.stderr.index("has room for")
    assert said < training.stderr.index("Start of epoch")

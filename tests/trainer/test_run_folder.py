"""Folders that are in use, or hold a training; without TensorFlow."""

import json
import os
import subprocess
import sys

import pytest

from tests.toy.scenario import ToyScenario
from tfaip.errors import UsageError
from tfaip.files import write_json
from tfaip.trainer import generations, run_folder
from tfaip.trainer.params import Resume, check_outputs
from tfaip.trainer.run_lock import LOCK, Holder, locked


def params_of(output_dir, **values):
    params = ToyScenario.default_trainer_params()
    params.output_dir = str(output_dir)
    for name, value in values.items():
        setattr(params, name, value)
    return params


def save(folder, epoch):
    facts = {"run": "0123456789ab", "best": None, "is_best": False}
    generations.commit(
        folder, lambda new: (new / "state.json").touch(), serial=epoch, epoch=epoch, step=0, facts=facts
    )
    write_json(folder / "trainer_params.json", {"epochs": 6, "current_epoch": epoch})


def change_lock(folder, **values):
    lock = folder / LOCK
    lock.write_text(json.dumps({**vars(Holder.me()), **values}))


# ---- the lock


def test_a_folder_is_free_again_afterwards_and_an_empty_new_one_is_gone(tmp_path):
    with locked(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b" / LOCK).exists()
        with locked(tmp_path / "a" / "b"):
            pass
        assert (tmp_path / "a" / "b" / LOCK).exists()

    assert os.listdir(tmp_path) == []


def test_another_process_is_refused_and_told_whose_it_is(tmp_path):
    code = f"from tfaip.trainer.run_lock import locked\nwith locked({str(tmp_path)!r}): pass"

    with locked(tmp_path):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    me = Holder.me()
    assert f"in use: process {me.pid} on {me.host} has trained into it since 20" in done.stderr
    assert "remove" not in done.stderr


def test_the_lock_of_another_machine_is_respected_and_may_be_removed_by_hand(tmp_path):
    change_lock(tmp_path, host="elsewhere")

    with pytest.raises(UsageError, match=rf"on elsewhere .*If you know that it has ended, remove `.*{LOCK}`"):
        locked(tmp_path).__enter__()

    assert (tmp_path / LOCK).exists()


@pytest.mark.parametrize(
    "stale", [{"pid": 2**22 + 1}, {"boot": "another"}, {"process": "1"}], ids=["dead", "other boot", "reused"]
)
def test_what_a_dead_process_left_is_taken_over_with_a_note(tmp_path, caplog, stale):
    change_lock(tmp_path, **stale)

    with locked(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()

    assert "which has ended; it is taken over" in caplog.text
    assert os.listdir(tmp_path) == []


def test_a_lock_that_cannot_be_read_is_taken_over(tmp_path, caplog):
    (tmp_path / LOCK).write_bytes(b"\0")

    with locked(tmp_path):
        pass

    assert "taken over" in caplog.text


# ---- what is there


def test_a_used_folder_is_refused_with_what_it_holds_and_how_to_go_on(tmp_path):
    save(tmp_path / "my run", 4)

    with pytest.raises(UsageError, match=r"holds the training 0123456789ab, epoch 4 of 6\. Go on with it by"):
        run_folder.refuse_used(params_of(tmp_path / "my run"))
    with pytest.raises(UsageError, match=r"`tfaip-resume-training '.*/my run'` or `--trainer.resume auto`"):
        run_folder.refuse_used(params_of(tmp_path / "my run"))


def test_checkpoints_in_sub_folders_and_params_and_exports_alone_count_too(tmp_path):
    save(tmp_path / "a" / "at_2", 2)
    write_json(tmp_path / "b" / "trainer_params.json", {"epochs": 6, "current_epoch": 3})
    write_json(tmp_path / "c" / "best" / "net_config.json", {})

    for name, text in {
        "a": "epoch 2",
        "b": "without checkpoints, epoch 3 of 6",
        "c": "the export `best`",
    }.items():
        with pytest.raises(UsageError, match=f"holds .*{text}"):
            run_folder.refuse_used(params_of(tmp_path / name, checkpoint_sub_dir="at_{epoch}"))


def test_a_folder_with_other_files_or_only_logs_is_free(tmp_path):
    for name in ("notes.txt", "train.log", "run_info.json", "metrics.jsonl"):
        (tmp_path / name).touch()

    run_folder.refuse_used(params_of(tmp_path))


def test_overwriting_removes_what_could_be_resumed_and_nothing_else(tmp_path):
    save(tmp_path, 4)
    (tmp_path / "notes.txt").touch()
    (tmp_path / "checkpoints" / "notes.txt").touch()
    params = params_of(tmp_path, overwrite=True)

    run_folder.refuse_used(params)
    run_folder.remove_overwritten(params)

    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert found == ["checkpoints", "checkpoints/notes.txt", "notes.txt"]


def test_auto_goes_on_only_where_there_is_a_checkpoint(tmp_path):
    params = params_of(tmp_path, resume=Resume.AUTO, checkpoint_sub_dir="at_{epoch}")
    assert not run_folder.goes_on(params)
    for epoch in (1, 2):
        save(tmp_path / f"at_{epoch}", epoch)

    assert run_folder.goes_on(params)
    assert params.saved_checkpoint_sub_dir == "at_2"
    assert not run_folder.goes_on(params_of(tmp_path, checkpoint_sub_dir="at_{epoch}"))


def test_overwriting_and_going_on_exclude_each_other():
    params = params_of("run", resume=Resume.AUTO, overwrite=True)

    with pytest.raises(UsageError, match=r"`--trainer.overwrite True` and `--trainer.resume auto` exclude"):
        check_outputs(params)

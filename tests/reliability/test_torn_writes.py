"""A kill or an error at any change to the disk leaves a whole checkpoint, the old one or the new one."""

import errno
import os
from pathlib import Path

import pytest

from tests.reliability.faults import die_at, fail_at, number_of_changes
from tfaip.files import remove_temporary, replaced_dir, write_json, write_text
from tfaip.trainer import generations
from tfaip.trainer.run_lock import locked

RUN = "0123456789ab"


def save(folder: Path, serial: int) -> None:
    """Do what a training does after an epoch, with files that all hold the number of the checkpoint."""

    def write(new: Path) -> None:
        for name in ("state.json", "weights", "trainer_params.json"):
            (new / name).write_text(f"{serial}")

    facts = {"run": RUN, "best": None, "is_best": False}
    generations.commit(folder, write, serial=serial, epoch=serial, step=0, facts=facts)
    write_json(folder / "trainer_params.json", serial)
    remove_temporary(folder / "trainer_params.json")
    generations.prune(folder, keep=2, run=RUN)


def assert_whole(path: Path) -> int:
    """Check that all files of a checkpoint belong together; return its number."""
    serial = generations.check_digests(path)["serial"]
    assert {(path / name).read_text() for name in ("state.json", "weights", "trainer_params.json")} == {
        str(serial)
    }
    return serial


def prepared(folder: Path) -> Path:
    for serial in (1, 2):
        save(folder, serial)
    return folder


def test_oracle_a_reference_writer_keeps_the_old_content_wherever_it_is_killed(tmp_path):
    file = tmp_path / "file"
    calls = number_of_changes(lambda: write_text(tmp_path / "other", "new"))
    assert calls == 5  # the folder is made or there, the file opened, flushed, renamed, the folder flushed
    for number in range(1, calls + 1):
        write_text(file, "old")

        die_at(number, lambda: write_text(file, "new"))

        assert file.read_text() == ("old" if number <= calls - 1 else "new")


def test_a_kill_at_any_change_leaves_the_old_checkpoint_or_the_new_one(tmp_path):
    calls = number_of_changes(lambda: save(prepared(tmp_path / "count"), 3))
    calls -= number_of_changes(lambda: prepared(tmp_path / "count2"))
    seen = set()
    for number in range(1, calls + 1):
        folder = prepared(tmp_path / f"killed at {number}")

        die_at(number, lambda: save(folder, 3))  # noqa: B023

        found = generations.generations([folder])
        seen.add(assert_whole(found[0].path))
        assert found[0].serial == max(one.serial for one in found)
        assert assert_whole(folder / "variables") <= found[0].serial
        with locked(folder):
            save(folder, 4)
        names = sorted(os.listdir(folder / "checkpoints"))
        assert names[-1] == "00004-epoch-4"
        assert len(names) == 2
        assert sorted(os.listdir(folder)) == ["checkpoints", "trainer_params.json", "variables"]
    assert calls > 20
    assert seen == {2, 3}


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_an_error_at_any_change_is_raised_or_harmless_and_leaves_a_whole_checkpoint(tmp_path, code):
    calls = number_of_changes(lambda: save(prepared(tmp_path / "count"), 3))
    calls -= number_of_changes(lambda: prepared(tmp_path / "count2"))
    raised = 0
    for number in range(1, calls + 1):
        folder = prepared(tmp_path / f"failed at {number}")

        try:
            with fail_at(number, code):
                save(folder, 3)
        except OSError:
            raised += 1
        else:
            assert assert_whole(generations.generations([folder])[0].path) == 3
        for one in generations.generations([folder]):
            assert_whole(one.path)
        # The removal of an old one may have failed, which is tried again after the next.
        assert {path.name for path in generations.incomplete(folder)} <= {"00001-epoch-1.incomplete"}
    assert raised > 10


def test_a_reader_of_an_export_finds_a_whole_one_wherever_its_writer_is_killed(tmp_path):
    def export(folder: Path, content: str) -> None:
        with replaced_dir(folder) as new:
            (new / "serve").mkdir()
            for name in ("serve/saved_model.pb", "net_config.json"):
                (new / name).write_text(content)

    calls = number_of_changes(lambda: export(tmp_path / "count", "x"))
    for number in range(1, calls + 4):
        folder = tmp_path / f"{number}" / "best"
        export(folder, "old")

        die_at(number, lambda: export(folder, "new"))  # noqa: B023

        contents = {path.read_text() for path in folder.rglob("*") if path.is_file()}
        assert len(contents) == 1
        export(folder, "newer")
        assert os.listdir(folder.parent) == ["best"]

"""The folders of checkpoints, without TensorFlow."""

import json
import os

import pytest

from tfaip.trainer import generations
from tfaip.trainer.generations import DamagedError, check_digests, commit, prune

RUN = "a" * 12


def save(folder, serial, *, best=None, is_best=False, run=RUN, step=0, text="weights"):
    def write(new):
        (new / "state.json").write_text(json.dumps({"state": {"epoch": serial}}))
        (new / "weights").write_text(text)

    facts = {"run": run, "best": best, "is_best": is_best}
    return commit(folder, write, serial=serial, epoch=serial, step=step, facts=facts)


def names(folder):
    return sorted(path.name for path in (folder / "checkpoints").iterdir())


def test_the_link_shows_the_newest(tmp_path):
    save(tmp_path, 1, text="one")
    save(tmp_path, 2, step=18, text="two")

    assert names(tmp_path) == ["00001-epoch-1", "00002-epoch-2-step-18"]
    assert os.readlink(tmp_path / "variables") == "checkpoints/00002-epoch-2-step-18"
    assert (tmp_path / "variables" / "weights").read_text() == "two"


def test_the_newest_and_the_best_are_kept(tmp_path):
    for epoch, value in enumerate([0.1, 0.5, 0.5, 0.5, 0.5], start=1):
        save(tmp_path, epoch, best=value, is_best=epoch <= 2)
        prune(tmp_path, keep=2, run=RUN)

    assert names(tmp_path) == ["00002-epoch-2", "00004-epoch-4", "00005-epoch-5"]


def test_what_is_of_others_is_never_removed(tmp_path):
    save(tmp_path, 1, run="b" * 12)
    (tmp_path / "checkpoints" / "notes.txt").touch()
    (tmp_path / "checkpoints" / "mine.incomplete").touch()
    (tmp_path / "checkpoints" / "00009-epoch-9").mkdir()
    for epoch in (2, 3, 4):
        save(tmp_path, epoch)

    prune(tmp_path, keep=1, run=RUN)

    kept = ["00001-epoch-1", "00004-epoch-4", "00009-epoch-9", "mine.incomplete", "notes.txt"]
    assert names(tmp_path) == kept


def test_what_a_kill_left_is_not_found_and_goes_with_the_next(tmp_path):
    left = tmp_path / "checkpoints" / "00001-epoch-1.incomplete"
    left.mkdir(parents=True)
    (left / "state.json").touch()

    assert generations.generations([tmp_path]) == []
    assert generations.incomplete(tmp_path) == [left]
    save(tmp_path, 1)
    prune(tmp_path, keep=1, run=RUN)
    assert names(tmp_path) == ["00001-epoch-1"]


def test_an_error_leaves_nothing(tmp_path):
    def write(new):
        (new / "half").touch()
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        commit(tmp_path, write, serial=1, epoch=1, step=0, facts={})

    assert names(tmp_path) == []
    assert not (tmp_path / "variables").exists()


def test_every_file_has_a_digest_and_so_has_the_manifest(tmp_path):
    path = save(tmp_path, 1)
    manifest = path / "manifest.json"
    assert set(check_digests(path)["files"]) == {"state.json", "weights"}
    manifest.write_text(manifest.read_text().replace('"epoch": 1', '"epoch": 7'))

    with pytest.raises(DamagedError, match=r"manifest.json: digest differs"):
        check_digests(path)


def test_a_copy_in_place_of_the_link_makes_way(tmp_path):
    newest = save(tmp_path, 1)
    (tmp_path / "variables").unlink()
    os.rename(newest, tmp_path / "variables")
    assert [one.serial for one in generations.generations([tmp_path])] == [1]

    save(tmp_path, 2)

    assert names(tmp_path) == ["00001-epoch-1", "00002-epoch-2"]
    assert os.readlink(tmp_path / "variables") == "checkpoints/00002-epoch-2"


def test_all_is_flushed_before_the_rename_and_the_folder_after_it(tmp_path, monkeypatch):
    calls = []
    fsync, rename, replace = os.fsync, os.rename, os.replace

    def named(handle):
        return os.path.relpath(os.readlink(f"/proc/self/fd/{handle}"), tmp_path)

    monkeypatch.setattr(os, "fsync", lambda handle: (calls.append(named(handle)), fsync(handle)))
    monkeypatch.setattr(os, "rename", lambda a, b: (calls.append("rename"), rename(a, b)))
    monkeypatch.setattr(os, "replace", lambda a, b: (calls.append("link"), replace(a, b)))

    save(tmp_path, 1)

    new = "checkpoints/00001-epoch-1.incomplete"
    at = calls.index("rename")
    assert {f"{new}/{name}" for name in ("manifest.json", "state.json", "weights")} | {new} == set(calls[:at])
    assert calls[at:] == ["rename", "checkpoints", "link", "."]

import json
import math
import os

import pytest

from tfaip.errors import StorageError
from tfaip.files import parse_json, recover_dir, replaced_dir, write_json, write_text


def names(folder):
    return sorted(os.listdir(folder))


def test_a_text_is_replaced_as_a_whole(tmp_path):
    write_text(tmp_path / "a.txt", "one")
    write_text(tmp_path / "a.txt", "two")

    assert (tmp_path / "a.txt").read_text() == "two"
    assert names(tmp_path) == ["a.txt"]


def test_what_is_no_json_leaves_the_old_file(tmp_path):
    write_json(tmp_path / "a.json", {"a": 1})

    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"a": object()})

    assert "1" in (tmp_path / "a.json").read_text()


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    for content in ("one", "two"):
        with replaced_dir(tmp_path / "d") as new:
            (new / "file").write_text(content)

    assert (tmp_path / "d" / "file").read_text() == "two"
    assert names(tmp_path) == ["d"]


def test_an_error_in_the_block_leaves_the_old_folder(tmp_path):
    with replaced_dir(tmp_path / "d") as new:
        (new / "file").write_text("one")

    with pytest.raises(StorageError), replaced_dir(tmp_path / "d") as new:
        (new / "no_such_folder" / "file").write_text("two")

    assert (tmp_path / "d" / "file").read_text() == "one"
    assert names(tmp_path) == ["d"]


def test_foreign_files_in_a_folder_stay(tmp_path):
    (tmp_path / "d" / "serve").mkdir(parents=True)
    (tmp_path / "d" / "serve" / "old").touch()
    (tmp_path / "d" / "notes.txt").touch()

    with replaced_dir(tmp_path / "d") as new:
        (new / "serve").mkdir()
        (new / "serve" / "model").touch()
        (new / "params.json").touch()

    assert names(tmp_path / "d") == ["notes.txt", "params.json", "serve"]
    assert names(tmp_path / "d" / "serve") == ["model"]


def test_outdated_entries_go_with_the_old_folder(tmp_path):
    for name in ("model.onnx", "results_1.json", "notes.txt"):
        (tmp_path / "d" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "d" / name).touch()

    with replaced_dir(tmp_path / "d", outdated=["model.onnx", "results*"]) as new:
        (new / "serve").touch()

    assert names(tmp_path / "d") == ["notes.txt", "serve"]


def test_a_foreign_folder_stays_and_outdated_entries_go(tmp_path):
    (tmp_path / "d" / "pictures").mkdir(parents=True)
    (tmp_path / "d" / "model").mkdir()
    (tmp_path / "d" / "model.onnx").touch()

    with replaced_dir(tmp_path / "d", outdated=["model", "model.onnx"]) as new:
        (new / "serve").mkdir()

    assert names(tmp_path / "d") == ["pictures", "serve"]


def test_a_folder_is_there_at_each_moment_of_an_exchange(tmp_path, monkeypatch):
    with replaced_dir(tmp_path / "d") as new:
        (new / "file").write_text("one")
    seen = []
    monkeypatch.setattr("tfaip.files.os.rename", lambda *_: seen.append("moved aside"))

    with replaced_dir(tmp_path / "d") as new:
        (new / "file").write_text("two")

    assert (tmp_path / "d" / "file").read_text() == "two"
    assert seen == []


def test_a_link_to_a_folder_stays_a_link(tmp_path):
    (tmp_path / "real" / "d").mkdir(parents=True)
    (tmp_path / "d").symlink_to(tmp_path / "real" / "d")

    with replaced_dir(tmp_path / "d") as new:
        (new / "file").touch()

    assert (tmp_path / "d").is_symlink()
    assert names(tmp_path / "real") == ["d"]
    assert names(tmp_path / "real" / "d") == ["file"]


def test_a_file_system_that_cannot_exchange_gets_two_renames(tmp_path, monkeypatch):
    monkeypatch.setattr("tfaip.files._swapped", lambda *_: False)
    for content in ("one", "two"):
        with replaced_dir(tmp_path / "d") as new:
            (new / "file").write_text(content)

    assert (tmp_path / "d" / "file").read_text() == "two"
    assert names(tmp_path) == ["d"]


def test_a_folder_lost_between_the_two_renames_comes_back(tmp_path):
    (tmp_path / ".d.old").mkdir()
    (tmp_path / ".d.old" / "file").write_text("one")

    recover_dir(tmp_path / "d")

    assert (tmp_path / "d" / "file").read_text() == "one"


def test_numbers_that_json_does_not_know_come_back_from_a_file_that_strict_readers_accept(tmp_path):
    def refuse(token):
        raise AssertionError(f"{token} is no JSON")

    write_json(tmp_path / "a.json", {"values": (math.inf, -math.inf, 1.5), "best": math.nan})

    text = (tmp_path / "a.json").read_text()
    json.loads(text, parse_constant=refuse)
    content = parse_json(text)
    assert content["values"] == [math.inf, -math.inf, 1.5]
    assert math.isnan(content["best"])


def test_leftovers_of_a_kill_are_removed_by_the_next_write(tmp_path):
    (tmp_path / ".d.new.abc").mkdir()

    with replaced_dir(tmp_path / "d") as new:
        (new / "file").touch()

    assert names(tmp_path) == ["d"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(StorageError, match=r"Could not write `.*/file/a.txt`.*choose another folder"):
        write_text(tmp_path / "file" / "a.txt", "text")

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

    with pytest.raises(StorageError, match=r"Could not write `.*/file/a.txt`.*output_dir"):
        write_text(tmp_path / "file" / "a.txt", "text")

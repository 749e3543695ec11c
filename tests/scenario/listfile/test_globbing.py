import pytest

from tfaip.errors import UsageError
from tfaip.scenario.listfile.globbing import glob_all


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    """Some files in the working directory, which is also the home folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("b.png", "a.png", "c.txt", "sub/d.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    return tmp_path


def test_matches_come_in_order_pattern_by_pattern():
    assert glob_all(["*.txt", "*.png"]) == ["c.txt", "a.png", "b.png"]
    assert glob_all("*.png") == ["a.png", "b.png"]
    assert glob_all("**/*.png") == ["a.png", "b.png", "sub/d.png"]
    assert glob_all([]) == []


def test_a_pattern_without_a_match_gives_nothing_and_a_path_itself():
    assert glob_all(["*.jpg", "missing.jpg", "a.png", "a.png"]) == ["missing.jpg", "a.png", "a.png"]


def test_the_home_folder_is_found(files):
    assert glob_all(["~/a.png", "~/*.txt"]) == [str(files / "a.png"), str(files / "c.txt")]


def test_a_file_with_the_ending_is_replaced_by_what_it_names(files):
    (files / "x.files").write_bytes(b"\xef\xbb\xbf*.png\r\n\r\nmissing.png\r\n")

    assert glob_all(["c.txt", "*.files"], resolve_ending=".files") == [
        "c.txt",
        "a.png",
        "b.png",
        "missing.png",
    ]
    assert glob_all(["x.files"]) == ["x.files"]


def test_a_missing_file_with_the_ending_is_named():
    with pytest.raises(UsageError, match=r"no list file .*y\.files"):
        glob_all(["y.files"], resolve_ending=".files")

import os
import time

import pytest

from tfaip.errors import UsageError
from tfaip.scenario.listfile.listfiles import MissingFileError, read_lists


@pytest.fixture
def write(tmp_path, monkeypatch):
    """A function that writes a list and returns its name; the test runs in its folder."""
    monkeypatch.chdir(tmp_path)

    def write(content, name="a.lst"):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return name

    return write


def read(*paths, **kwargs):
    return [list(entries) for entries in read_lists(paths, **kwargs)]


def test_entries_are_the_lines_without_blanks_at_their_ends(write):
    assert read(write(" a b \nc\t\n")) == [[" a b", "c"]]


@pytest.mark.parametrize("content", ["a\r\nb\r\n", "a\rb", "\ufeffa\nb", "\n\na\n   \nb\n\n"])
def test_line_ends_byte_order_mark_and_empty_lines_make_no_difference(write, content):
    assert read(write(content)) == [["a", "b"]]


def test_a_line_separator_inside_a_line_belongs_to_the_entry(write):
    assert read(write("a\u2028b\x0cc\n")) == [["a\u2028b\x0cc"]]


def test_lines_with_the_prefix_are_skipped(write):
    path = write("# x\na\n#b\n // c\n")

    assert read(path, ignore_prefix="#") == [["a", " // c"]]
    assert read(path, ignore_prefix=" //") == [["# x", "a", "#b"]]
    assert read(path) == read(path, ignore_prefix="") == [["# x", "a", "#b", " // c"]]


def test_an_empty_list_has_no_entry(write):
    assert read(write("")) == [[]]


def test_a_list_is_read_again_only_if_it_changed(write):
    path = write("a\n")
    first = read_lists([path])[0]

    assert read_lists([os.path.abspath(path)])[0] is first
    write("a\nb\n")
    assert read(path) == [["a", "b"]]


def test_missing_lists_are_all_named(write):
    with pytest.raises(MissingFileError, match=r"no list file .*/x\.lst`, .*/y\.lst`.*`\.lists`"):
        read(write("a"), "x.lst", "y.lst")


def test_a_missing_list_is_also_a_file_not_found_error():
    assert issubclass(MissingFileError, FileNotFoundError)
    assert issubclass(MissingFileError, UsageError)
    assert MissingFileError("which").exit_code == 2
    assert str(MissingFileError("which")) == "which"


def test_a_folder_is_no_list(tmp_path):
    with pytest.raises(UsageError, match=r"is a folder\. Name a text file"):
        read(str(tmp_path))


def test_another_encoding_is_named_with_its_line(write):
    with pytest.raises(UsageError, match=r"no text in UTF-8: line 3 holds the byte 0xe4.*iconv"):
        read(write("a\nb\nc\xe4\n".encode("latin1")))


def test_the_first_ten_missing_files_are_named_with_their_lines_and_the_total(write):
    write("x", "there.png")
    lines = ["# images", "", "there.png", *(f"missing{i}.png" for i in range(12)), "there.png"]

    with pytest.raises(MissingFileError) as caught:
        read(write("\r\n".join(lines)), ignore_prefix="#")

    message = str(caught.value)
    assert "names 12 of 14 files that do not exist: line 4 `missing0.png`, line 5" in message
    assert "line 13 `missing9.png`, ..." in message
    assert "missing10" not in message
    assert "--train.check_files False" in message


def test_a_folder_between_files_is_named(write, tmp_path):
    (tmp_path / "folder").mkdir()
    write("x", "a")
    write("x", "b")

    with pytest.raises(
        MissingFileError, match=r"names 1 of 3 files that do not exist: line 2 `folder` \(a f"
    ):
        read(write("a\nfolder\nb\n", "list"))


def test_folders_may_be_the_samples(write, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()

    assert read(write("one\ntwo\n")) == [["one", "two"]]
    with pytest.raises(MissingFileError, match="names 1 of 3"):
        read(write("one\ntwo\nthree\n"))


def test_files_may_lie_beside_their_list(write, tmp_path, monkeypatch):
    write("x", "a.png")
    path = os.path.abspath(write("a.png\n"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    assert read(path) == [["a.png"]]


@pytest.mark.parametrize(
    "lines", ["a\nb\n", "some text\n3.14\n", "images/1.png 7\nimages/2.png 8\n", "a\0b\n"]
)
def test_what_does_not_look_like_files_is_not_checked(write, lines):
    assert read(write(lines)) == [lines.split("\n")[:-1]]


def test_it_can_be_said_that_entries_are_files_or_not(write):
    with pytest.raises(MissingFileError, match="names 2 of 2"):
        read(write("a\nb\n"), check_files=True)
    assert read(write("a.png\n"), check_files=False) == [["a.png"]]


def test_a_million_lines_are_read_in_under_five_seconds(write):
    path = write("".join(f"/data/images/of/a/large/collection/{i:07d}.png\n" for i in range(1_000_000)))
    started = time.perf_counter()

    (entries,) = read_lists([path], ignore_prefix="#")

    assert len(entries) == 1_000_000
    assert time.perf_counter() - started < 5

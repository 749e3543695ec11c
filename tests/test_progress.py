import io
import logging

import pytest

from tfaip import progress
from tfaip.logs import setup_logging
from tfaip.progress import ProgressBar, ProgressLines, clock, open_progress, progress_line, tqdm_wrapper


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def root_logger():
    """The root logger without handlers; what a test adds is removed again."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def seconds(monkeypatch):
    """The clock of the progress; a test turns its hand."""
    hand = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: hand[0])
    return hand


def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere():
    def kind(stream, **kwargs):
        opened = open_progress(total=3, title="Epoch", unit="step", stream=stream, **kwargs)
        opened.close()
        return type(opened)

    assert kind(Terminal()) is ProgressBar
    assert kind(Terminal(), as_lines=True) is ProgressLines
    assert kind(io.StringIO()) is ProgressLines


def test_progress_line_shows_count_rate_and_remaining_time():
    assert progress_line("Epoch 1/3", "step", 50, 200, 10.0) == (
        "Epoch 1/3, 50/200 steps (25 %), 5.0 steps/s, 0:30 left"
    )
    assert progress_line("Epoch 1/3", "step", 200, 200, 40.0) == (
        "Epoch 1/3, 200/200 steps (100 %), 5.0 steps/s, took 0:40"
    )
    assert progress_line("Read", "sample", 10, None, 2.0) == "Read, 10 samples, 5.0 samples/s"
    assert progress_line("Read", "sample", 0, 10, 0.0) == "Read, 0/10 samples (0 %), 0.0 samples/s"


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (61.2, "1:01"), (3661, "1:01:01")])
def test_clock(seconds, text):
    assert clock(seconds) == text


def test_lines_are_written_no_oftener_than_asked_for(seconds):
    out = io.StringIO()
    lines = ProgressLines(total=10, title="Epoch", unit="step", seconds_between_lines=5, stream=out)

    for done in range(10):
        seconds[0] = float(done)
        lines.update(done, lambda: "loss: 1")
    lines.close()

    assert [line.split()[1] for line in out.getvalue().splitlines()] == ["5/10", "9/10"]


def test_notes_are_made_only_when_something_is_shown(seconds):
    asked = []
    terminal, file = Terminal(), io.StringIO()
    bar = ProgressBar(total=10, title="Epoch", unit="step", stream=terminal)
    lines = ProgressLines(total=10, title="Epoch", unit="step", seconds_between_lines=5, stream=file)

    for shown in (bar, lines):
        shown.update(1, lambda: asked.append("early") or "")
    seconds[0] = 6.0
    for shown in (bar, lines):
        shown.update(2, lambda: asked.append("late") or "loss: 0.5")

    assert asked == ["late", "late"]
    assert "loss: 0.5" in terminal.getvalue()
    assert "loss: 0.5" in file.getvalue()
    bar.close()


def test_bar_shows_its_last_note_and_stays():
    terminal = Terminal()
    bar = ProgressBar(total=4, title="Epoch 1/2", unit="step", stream=terminal)

    bar.update(4, lambda: "acc: 0.1")
    bar.close(lambda: "acc: 0.9")
    bar.close(lambda: "acc: 0.0")

    last = terminal.getvalue().split("\r")[-1]
    assert "Epoch 1/2" in last
    assert "4/4" in last
    assert "acc: 0.9" in last
    assert last.endswith("\n")


def test_log_messages_do_not_break_a_bar(root_logger, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    setup_logging()
    bar = ProgressBar(total=4, title="Epoch", unit="step", stream=terminal)
    before = len(terminal.getvalue())

    root_logger.warning("something to know")
    bar.close()

    cleared, message, drawn_again = terminal.getvalue()[before:].partition("WARNING")
    assert cleared.strip() == ""
    assert message
    assert "Epoch" in drawn_again.partition("something to know\n")[2]


def test_tqdm_wrapper_returns_what_it_got_without_a_bar():
    items = [1, 2]

    assert tqdm_wrapper(items) is items


def test_tqdm_wrapper_ends_with_a_line_in_files(capsys):
    items = list(tqdm_wrapper([1, 2, 3], progress_bar=True, desc="Read", unit="file"))

    assert items == [1, 2, 3]
    assert "Read, 3/3 files (100 %)" in capsys.readouterr().err


def test_tqdm_wrapper_draws_a_bar_on_a_terminal(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)

    assert list(tqdm_wrapper(iter([1, 2, 3]), progress_bar=True, desc="Read", total=3)) == [1, 2, 3]

    assert "3/3" in terminal.getvalue()

import sys
from typing import Any

import pytest

from tfaip.errors import DataError, NonFiniteError, StorageError, UntrustedError, UsageError
from tfaip.scripts import arguments
from tfaip.scripts.arguments import Command, run_command
from tfaip.version import __version__

COMMAND = Command(
    program="tfaip-try",
    operand="THING",
    summary="Try a thing.",
    operand_help="what to try",
    example="tfaip-try x",
)


@pytest.fixture(autouse=True)
def _no_logging(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(arguments, "setup_logging", lambda: None)
    monkeypatch.delenv("TFAIP_DEBUG", raising=False)


def run_and_raise(error: BaseException) -> Any:
    def main() -> None:
        raise error

    with pytest.raises(SystemExit) as caught:
        run_command(main)
    return caught.value.code


@pytest.mark.parametrize(
    ("error", "code"),
    [(UsageError, 2), (DataError, 3), (StorageError, 4), (NonFiniteError, 5), (UntrustedError, 6)],
)
def test_an_error_of_the_user_is_one_line_with_its_own_code(
    capsys: pytest.CaptureFixture[str], error: type[Exception], code: int
):
    assert run_and_raise(error("`--x` is wrong.")) == code
    assert capsys.readouterr().err == "tfaip: error: `--x` is wrong.\n"


def test_each_line_of_a_message_is_marked(capsys: pytest.CaptureFixture[str]):
    run_and_raise(UsageError("one\ntwo"))

    assert capsys.readouterr().err == "tfaip: error: one\ntfaip: error: two\n"


def test_debug_shows_the_traceback_before(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TFAIP_DEBUG", "1")

    assert run_and_raise(UsageError("wrong")) == 2

    err = capsys.readouterr().err
    assert "Traceback (most recent call last)" in err
    assert err.endswith("tfaip: error: wrong\n")


def test_an_interrupt_has_the_code_of_shells(capsys: pytest.CaptureFixture[str]):
    assert run_and_raise(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "tfaip: error: Interrupted.\n"


def test_a_bug_leaves_as_it_is():
    def main() -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        run_command(main)


def test_a_broken_pipe_of_something_else_is_a_bug():
    def main() -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        run_command(main)


def test_a_wrong_log_level_is_a_usage_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    def setup_logging() -> None:
        raise UsageError("`TFAIP_LOG_LEVEL` must be one of DEBUG, INFO")

    monkeypatch.setattr(arguments, "setup_logging", setup_logging)

    with pytest.raises(SystemExit) as caught:
        run_command(lambda: None)

    assert caught.value.code == 2
    assert "TFAIP_LOG_LEVEL" in capsys.readouterr().err


def test_success_does_not_exit():
    run_command(lambda: 3)


def test_the_operand_comes_first():
    assert COMMAND.split(["thing", "--a", "1"]) == ("thing", ["--a", "1"])


def test_without_arguments_those_of_the_process_are_taken(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "argv", ["tfaip-try", "thing", "--a"])

    assert COMMAND.split(None) == ("thing", ["--a"])


@pytest.mark.parametrize(("words", "got"), [([], "got nothing"), (["--a", "thing"], "got `--a`")])
def test_a_missing_operand_is_a_usage_error(words: list[str], got: str):
    with pytest.raises(UsageError, match=f"expects THING as its first argument, {got}. Try `tfaip-try x`"):
        COMMAND.split(words)


@pytest.mark.parametrize("words", [["-h"], ["--help"], ["--a", "--help"]])
def test_help_without_operand_is_the_general_one(capsys: pytest.CaptureFixture[str], words: list[str]):
    with pytest.raises(SystemExit) as caught:
        COMMAND.split(words)

    assert caught.value.code == 0
    out = capsys.readouterr().out
    assert "usage: tfaip-try THING [--FLAG VALUE ...]" in out
    assert "what to try" in out


@pytest.mark.parametrize("words", [["--version"], ["thing", "--version"]])
def test_the_version_is_shown(capsys: pytest.CaptureFixture[str], words: list[str]):
    with pytest.raises(SystemExit) as caught:
        COMMAND.split(words)

    assert caught.value.code == 0
    assert capsys.readouterr().out == f"tfaip {__version__}\n"

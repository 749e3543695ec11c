"""What all programs share: how they are called, and how they end."""

import argparse
import contextlib
import gc
import os
import select
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tfaip.errors import TfaipError, UsageError
from tfaip.logs import setup_logging
from tfaip.printable import without_controls
from tfaip.version import __version__

_INTERRUPTED = 130  # what shells report for a program that Ctrl-C ended


@dataclass(frozen=True)
class Command:
    """A program that is called with one operand and flags: `tfaip-train SCENARIO --trainer.epochs 3`.

    Attributes:
        program: The name of the program.
        operand: What its first argument is called in help.
        summary: What it does, in a sentence.
        operand_help: What the first argument must be.
        example: A call that works.
    """

    program: str
    operand: str
    summary: str
    operand_help: str
    example: str

    @property
    def usage(self) -> str:
        """How it is called."""
        return f"{self.program} {self.operand} [--FLAG VALUE ...]"

    def split(self, args: Sequence[str] | None) -> tuple[str, list[str]]:
        """Return the operand and the flags behind it; help and version are shown at once.

        Args:
            args: The words behind the name of the program; `None`: those of this process.
        """
        words = sys.argv[1:] if args is None else list(args)
        if "--version" in words:
            self._parser().parse_args(["--version"])
        if words and not words[0].startswith("-"):
            return words[0], words[1:]
        if not {"-h", "--help"}.isdisjoint(words):
            self._parser().parse_args(["--help"])
        got = f"got `{words[0]}`" if words else "got nothing"
        raise UsageError(
            f"`{self.program}` expects {self.operand} as its first argument, {got}. "
            f"Try `{self.example}`, or `{self.program} --help`."
        )

    def _parser(self) -> argparse.ArgumentParser:
        parser = argparse.ArgumentParser(
            prog=self.program,
            usage=self.usage,
            description=self.summary,
            epilog=f"`{self.program} {self.operand} --help` lists the flags. Example: {self.example}",
        )
        parser.add_argument(self.operand, help=self.operand_help)
        parser.add_argument("--version", action="version", version=f"tfaip {__version__}")
        return parser


_runs_a_command = False


def runs_a_command() -> bool:
    """Return whether this process is a program of tfaip, and ends with it."""
    return _runs_a_command


def run_command(main: Callable[[], Any]) -> None:
    """Run a program: set up logging, call `main`, and leave with an exit code if it fails.

    A `TfaipError` ends as `tfaip: error: <message>`, the last line of stderr, and with its own code; its
    traceback is shown if the environment variable `TFAIP_DEBUG` is set. Any other exception is a bug and
    leaves as it is: with a traceback and code 1.
    """
    global _runs_a_command
    _runs_a_command = True
    try:
        setup_logging()
        main()
        if sys.stdout is not None:  # as below, it may be closed
            sys.stdout.flush()
    except TfaipError as error:
        if os.environ.get("TFAIP_DEBUG", "0") != "0":
            traceback.print_exc()
        _print_error(str(error))
        _let_go(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt as error:
        _print_error("Interrupted.")
        _let_go(error)
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        if not _reader_has_left():
            raise
        _leave_stdout()
        sys.exit(1)
    except Exception as error:
        _let_go(error)
        raise
    finally:
        _runs_a_command = False


def _print_error(message: str) -> None:
    if sys.stderr is None:  # it was closed by whoever started us
        return
    with contextlib.suppress(OSError):  # its reader may have left
        for line in without_controls(message).splitlines() or [""]:
            sys.stderr.write(f"tfaip: error: {line}\n")


def _reader_has_left() -> bool:
    """Return whether stdout is a pipe whose other end is closed."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _leave_stdout() -> None:
    """Write to nowhere: the reader has left, and Python would flush once more at its end and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _let_go(error: BaseException) -> None:
    """Free what the frames of `error` hold, such as a dataset that another thread still reads.

    TensorFlow would end that thread after Python, whose code it runs, and complain or wait for ever.
    """
    link: BaseException | None = error
    while link is not None:
        traceback.clear_frames(link.__traceback__)
        link = link.__cause__ or link.__context__
    gc.collect()

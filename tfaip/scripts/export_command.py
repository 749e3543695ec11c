"""What the programs share that work on exports: which folders, and the scenario that is in them."""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tfaip.errors import UsageError
from tfaip.version import __version__

if TYPE_CHECKING:
    from tfaip.params.parser import TFAIPArgumentParser
    from tfaip.scenario.scenariobase import ScenarioBase
    from tfaip.scenario.scenariobaseparams import ScenarioBaseParams


@dataclass(frozen=True)
class ExportCommand:
    """A program that is called with exports and flags: `tfaip-predict --export_dir run/best --data.X ...`.

    Attributes:
        program: The name of the program.
        summary: What it does, in a sentence.
        example: A call that works.
        flag: The flag that names the folders.
        several: Whether there may be more than one.
    """

    program: str
    summary: str
    example: str
    flag: str = "--export_dir"
    several: bool = False

    @property
    def usage(self) -> str:
        """How it is called."""
        return f"{self.program} {self.flag} DIR{' [DIR ...]' if self.several else ''} [--FLAG VALUE ...]"

    def folders(self, args: Sequence[str] | None) -> list[str]:
        """Return the folders; version, and help without a folder, are shown at once.

        Args:
            args: The words behind the name of the program; `None`: those of this process.

        Raises:
            UsageError: If there is no folder, or one too many.
        """
        from tfaip.params.words import split_words
        from tfaip.scripts.allowed import allow_named

        words = sys.argv[1:] if args is None else list(args)
        named = [item for item in split_words(words)[0] if item.flag == self.flag]
        if "--version" in words:
            self._parser().parse_args(["--version"])
        if not named and not {"-h", "--help"}.isdisjoint(words):
            self._parser().parse_args(["--help"])
        if len(named) > 1:
            raise UsageError(f"`{self.flag}` is given twice: `{named[0]}` and `{named[1]}`.")
        if not named or not named[0].values:
            raise UsageError(
                f"`{self.program}` needs `{self.flag}` with the folder of an export. "
                f"Try `{self.example}`, or `{self.program} --help`."
            )
        (folders,) = named
        if len(folders.values) > 1 and not self.several:
            raise UsageError(f"`{self.flag}` takes one folder, got {len(folders.values)}: `{folders}`.")
        allow_named(words)
        return folders.values

    @staticmethod
    def value_of(flag: str, words: Sequence[str]) -> str | None:
        """Return the first value of a flag; `None` if it is not there or has none."""
        from tfaip.params.words import split_words

        values = [value for item in split_words(list(words))[0] if item.flag == flag for value in item.values]
        return values[0] if values else None

    def flags_parser(self) -> "TFAIPArgumentParser":
        """Return the parser of the whole command line, which knows the folders only."""
        from tfaip.params.parser import TFAIPArgumentParser
        from tfaip.scripts.allowed import add_allow_option

        parser = TFAIPArgumentParser(prog=self.program, usage=self.usage, description=self.summary)
        self._add_folders(parser)
        add_allow_option(parser)
        return parser

    def _parser(self) -> argparse.ArgumentParser:
        parser = argparse.ArgumentParser(
            prog=self.program,
            usage=self.usage,
            description=self.summary,
            epilog=f"`{self.program} {self.flag} DIR --help` lists the flags. Example: {self.example}",
        )
        self._add_folders(parser)
        parser.add_argument("--version", action="version", version=f"tfaip {__version__}")
        return parser

    def _add_folders(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            self.flag,
            metavar="DIR",
            nargs="+" if self.several else None,
            help="folder of an export, for example `best` or `export` of a training",
        )


def scenario_of_exports(
    folders: Sequence[str], *, have_models: bool = True
) -> "tuple[type[ScenarioBase], ScenarioBaseParams]":
    """Return the scenario class and the params of the first export, after a look at all of them.

    Args:
        folders: The exports.
        have_models: Whether each must hold a SavedModel.

    Raises:
        UsageError: If one of them is no export; it says what is there instead.
    """
    from tfaip.params.user_modules import import_failures_reported
    from tfaip.predict.export_folder import saved_model_dir
    from tfaip.scenario.scenariobase import ScenarioBase

    for folder in folders:
        if not Path(folder).expanduser().exists():
            saved_model_dir(folder)
    with import_failures_reported("the scenario"):
        scenario, params = ScenarioBase.from_path(folders[0])
    for folder in folders if have_models else []:
        saved_model_dir(folder, serve_dir=params.default_serve_dir)
    return scenario, params


def quiet_tensorflow() -> None:
    """Let TensorFlow report errors only, unless the environment says otherwise; call it before the import.

    A Keras with known holes is warned of.
    """
    from tfaip.scripts.keras_holes import warn_of_keras

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    warn_of_keras()

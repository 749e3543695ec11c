"""TFAIPArgumentParser: dataclasses become flags, and each mistake on the command line one clear sentence."""

import shutil
import sys
from argparse import SUPPRESS, Action, ArgumentParser, Namespace
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NoReturn, Optional, cast

from paiargparse import PAIArgumentParser, RequiredArgumentError
from paiargparse.dataclass_extractor import ArgumentField
from paiargparse.dataclass_parser import (
    InvalidChoiceError,
    PAIDataClassArgumentParser,
    UnknownArgumentError,
)
from paiargparse.param_tree import PAINodeDataClass

from tfaip.errors import TfaipError, UsageError
from tfaip.params.class_names import class_named
from tfaip.params.flags import Flag, by_spelling, fields_of, flags_of
from tfaip.params.help import format_help, format_values
from tfaip.params.unknown_flags import stray_words_line, unknown_flag_line
from tfaip.params.values import check_count, checked_words, is_none
from tfaip.params.words import Given, split_words

_UNKNOWN_SHOWN = 20  # finding near names takes a millisecond each


class UnknownFlagError(UsageError, UnknownArgumentError):
    """The command line has flags or words that nobody knows."""


class MissingFlagError(UsageError, RequiredArgumentError):
    """A flag that has no default was not given."""


class TFAIPArgumentParser(PAIArgumentParser):
    """An `ArgumentParser` that also takes dataclasses: `add_root_argument("trainer", TrainerParams)`.

    Beyond paiargparse: classes have short names, flags may be written with their full path or an alias, help
    shows the values that would be used, and every mistake raises a `UsageError` that names flag and value.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self._add_help:
            self.add_argument("-h", "--help", action=_Request, help="show this help and exit")
        if self._add_show:
            self.add_argument("--show", action=_Request, help="show the resulting values and exit")

    def parse_args(self, args: Optional[Sequence[str]] = None, namespace: Any = None) -> Any:
        """Return a namespace with the plain arguments and the dataclasses.

        Raises:
            UsageError: On the first mistake; unknown flags are all named, each on a line of its own.
        """
        return self._parse(args, namespace, strict=True)[0]

    def parse_known_args(self, args: Optional[Sequence[str]] = None, namespace: Any = None) -> Any:
        """Return the namespace and the words that are no flags of this parser."""
        return self._parse(args, namespace, strict=False)

    def format_help(self) -> str:
        """Return the plain arguments, then the flags of the dataclasses by group."""
        formatter = self._get_formatter()
        formatter.add_usage(self.usage, self._actions, self._mutually_exclusive_groups)
        formatter.add_text(self.description)
        for group in self._action_groups:
            formatter.start_section(group.title)
            formatter.add_text(group.description)
            formatter.add_arguments(group._group_actions)
            formatter.end_section()
        formatter.add_text(self.epilog)
        width = shutil.get_terminal_size().columns - 1
        return f"{formatter.format_help()}\n{self._params.format_flags(width)}"

    def error(self, message: str) -> NoReturn:
        """Raise instead of exiting: a command ends in one place, `run_command`."""
        raise UsageError(f"{message[:1].upper()}{message[1:].rstrip('.')}.")

    def _data_class_argument_parser_cls(self) -> type["TFAIPDataClassArgumentParser"]:
        return TFAIPDataClassArgumentParser

    @property
    def _params(self) -> "TFAIPDataClassArgumentParser":
        return cast("TFAIPDataClassArgumentParser", self._data_class_parser)

    def _parse(self, args: Optional[Sequence[str]], namespace: Any, *, strict: bool) -> tuple[Any, list[str]]:
        words = sys.argv[1:] if args is None else list(args)
        asked_for_help = self._add_help and not {"-h", "--help"}.isdisjoint(words)
        try:
            self._refuse_repeated_options(words)
            namespace, rest = ArgumentParser.parse_known_args(self, words, namespace)
        except UsageError:
            if not asked_for_help:
                raise
            rest = [word for word in words if word not in ("-h", "--help")]
        if asked_for_help:
            self._params.explore(rest)
            self.print_help()
            self.exit()
        unknown = self._params.read(rest, namespace)
        if unknown and strict:
            raise UnknownFlagError("\n".join(self._unknown_lines(unknown)))
        self._params.build(namespace)
        if self._add_show and "--show" in words:
            self._print_message(self._params.format_values(), sys.stdout)
            self.exit()
        return namespace, unknown

    def _refuse_repeated_options(self, words: list[str]) -> None:
        """Raise if a plain argument stands twice among `words`; the dataclasses look after theirs."""
        seen: dict[Action, str] = {}
        for given in split_words(words)[0]:
            action = self._option_string_actions.get(given.flag)
            if action is None or isinstance(action, _Request):
                continue
            if action in seen:
                raise UsageError(_given_twice(given.flag, seen[action], str(given)))
            seen[action] = str(given)

    def _unknown_lines(self, words: list[str]) -> list[str]:
        parser = self._params
        given, stray = split_words(words)
        flags = parser.flags()
        names_of = parser.alt_names_of_choice
        options = list(self._option_string_actions)
        return [
            *([stray_words_line(stray, flags)] if stray else []),
            *(unknown_flag_line(item, flags, options, names_of) for item in given[:_UNKNOWN_SHOWN]),
            *([f"There are {more} more unknown flags."] if (more := len(given) - _UNKNOWN_SHOWN) > 0 else []),
        ]


class TFAIPDataClassArgumentParser(PAIDataClassArgumentParser):
    """Set the fields of dataclasses from flags.

    paiargparse keeps the tree of dataclasses, adds the flags of a class when the class is known, and builds
    the objects. The words are read here: paiargparse accepts wrong booleans and repeated flags, and answers
    wrong numbers and classes with a traceback.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._given: dict[str, Given] = {}
        self._missing: list[str] = []
        self._roots: dict[str, Any] = {}

    def alt_names_of_choice(self, choice: Any) -> list[str]:
        """Return the names of a class that can be chosen: its own, its short name, and without `Params`."""
        names = super().alt_names_of_choice(choice)
        short = [name.removesuffix("Params") for name in names]
        return list(dict.fromkeys([*names, *(name for name in short if name)]))

    def parse_known_args(self, args: Optional[Sequence[str]] = None, namespace: Any = None) -> Any:
        """Return the namespace with the built dataclasses, and the words that are no flags."""
        namespace = Namespace() if namespace is None else namespace
        unknown = self.read(sys.argv[1:] if args is None else args, namespace)
        self.build(namespace)
        return namespace, unknown

    def read(self, words: Sequence[str], namespace: Any, *, tolerant: bool = False) -> list[str]:
        """Set the fields that `words` name; return the words that are no flags.

        Setting a class adds its flags, which may be given further left. So the words are read in rounds,
        until one sets nothing and there is no class left whose default has to be taken.

        Args:
            words: The command line.
            namespace: Also receives the values.
            tolerant: Leave out what is wrong instead of raising.
        """
        pending, stray = split_words(words)
        self._given, self._missing = {}, []
        while True:
            known = by_spelling(self.flags())
            ready = [(known[given.name], given) for given in pending if _names_flag(given, known)]
            for flag, given in ready:
                try:
                    self._set(flag, given, namespace)
                except UsageError:
                    if not tolerant:
                        raise
            pending = [given for given in pending if not _names_flag(given, known)]
            if not ready and not self._take_default_classes(namespace):
                return [*stray, *(word for given in pending for word in given.words)]

    def build(self, namespace: Any) -> None:
        """Build the dataclasses from what was read, and put them into `namespace`."""
        if self._missing:
            flags = ", ".join(f"`--{name}`" for name in self._missing)
            raise MissingFlagError(f"{flags} must be given: there is no default.")
        for name, node in self._params_tree.dcs.items():
            self._roots[name] = self._tree_to_data_class(node)
            setattr(namespace, name, self._roots[name])

    def explore(self, words: Sequence[str]) -> None:
        """Read and build as far as possible, so that help can show the flags and values of `words`."""
        self.read(words, Namespace(), tolerant=True)
        with suppress(UsageError):
            self.build(Namespace())

    def flags(self) -> list[Flag]:
        """Return the flags that exist by now."""
        return flags_of(self._params_tree, self._option_string_actions)

    def format_flags(self, width: int) -> str:
        """Return the help of all flags."""
        flags = self.flags()
        return format_help(flags, self._values(flags), self._given, self.alt_names_of_choice, width=width)

    def format_values(self) -> str:
        """Return the values of all flags, written as they can be typed."""
        flags = self.flags()
        return format_values(flags, self._values(flags), self._given, self.alt_names_of_choice)

    def _set(self, flag: Flag, given: Given, namespace: Any) -> None:
        """Let paiargparse set the field of `flag`, after the words were checked."""
        if flag.name in self._given:
            raise UsageError(_given_twice(flag.name, str(self._given[flag.name]), str(given)))
        words = self._checked(flag, given)
        self._given[flag.name] = given
        self._default_data_classes_to_set_after_next_run.pop(flag.name, None)
        if not words and not flag.is_class and flag.field.list:
            flag.node.value = flag.field.list()  # paiargparse looks at the first word
            return
        try:
            self._act(flag.name, words, namespace)
        except TfaipError:
            raise
        except (ValueError, TypeError, InvalidChoiceError) as error:
            raise UsageError(f"`{given}` can not be read: {_one_line(error)}") from error

    def _checked(self, flag: Flag, given: Given) -> list[str]:
        field = flag.field
        if field.meta.get("tuple_like"):
            return _checked_tuple(given, fields_of(self._node(flag)))
        if not field.dataclass:
            return checked_words(given, field)
        check_count(given, field)
        for word in given.values:
            self._check_class(given.flag, word, field)
        return given.values

    def _check_class(self, flag: str, word: str, field: ArgumentField) -> None:
        """Raise unless `word` names a class for `field`, or `KEY=CLASS` if it is a dict."""
        if field.dict_type:
            field = replace(field, type=field.dict_type, dict_type=None)
            _, equals, word = word.partition("=")
            if not equals:
                return  # a key alone takes the class of the annotation
        elif field.optional and not field.list and is_none(word):
            return
        class_named(flag, word, field, self.alt_names_of_choice)

    def _take_default_classes(self, namespace: Any) -> bool:
        """Set the classes that nobody named to their defaults; return whether there were any."""
        names = list(self._default_data_classes_to_set_after_next_run)
        for name in names:
            try:
                self._act(name, [name], namespace)  # the name stands for the default
            except RequiredArgumentError:
                self._missing.append(name)
        return bool(names)

    def _act(self, name: str, words: list[str], namespace: Any) -> None:
        action = self._option_string_actions[f"--{name}"]
        action(self, namespace, words[0] if action.nargs is None else words, f"--{name}")

    def _node(self, flag: Flag) -> PAINodeDataClass:
        return flag.owner.dcs[flag.field.name]

    def _tree_to_data_class(self, node: PAINodeDataClass) -> Any:
        try:
            return super()._tree_to_data_class(node)
        except TfaipError:
            raise
        except RequiredArgumentError as error:
            raise MissingFlagError(f"{_one_line(error)}.") from error
        except ValueError as error:  # a `__post_init__` of the user
            raise UsageError(_one_line(error)) from error

    def _values(self, flags: list[Flag]) -> dict[str, Any]:
        """Return the value of each flag that would be used: of the built objects, if there are any."""
        values = {}
        for flag in flags:
            try:
                values[flag.name] = flag.value_in(self._roots[flag.path[0]])
            except (KeyError, IndexError, AttributeError):
                values[flag.name] = flag.current()
        return values


class _Request(Action):
    """A flag without value that the parser itself looks for."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: Optional[str] = None) -> None:
        super().__init__(option_strings, SUPPRESS, nargs=0, default=SUPPRESS, help=help)

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        pass


def _names_flag(given: Given, known: dict[str, Flag]) -> bool:
    return given.flag.startswith("--") and given.name in known


def _checked_tuple(given: Given, fields: list[ArgumentField]) -> list[str]:
    """Return the values of `given`, one for each of the first `fields`, if they fit."""
    if len(given.values) > len(fields):
        names = ", ".join(field.name for field in fields)
        raise UsageError(
            f"`{given.flag}` expects at most {len(fields)} values ({names}), got {len(given.values)}."
        )
    pairs = zip(given.values, fields, strict=False)
    return [checked_words(Given(given.flag, [word]), field)[0] for word, field in pairs]


def _given_twice(flag: str, first: str, second: str) -> str:
    return f"`--{flag.lstrip('-')}` is given twice: `{first}` and `{second}`."


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__

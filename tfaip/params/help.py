"""The text of `--help` and of `--show` for the flags of dataclasses."""

import shlex
import textwrap
from collections.abc import Container, Iterable, Mapping
from dataclasses import MISSING, is_dataclass
from enum import Enum
from typing import Any

from tfaip.params.class_names import NamesOfChoice, display_name
from tfaip.params.flags import Flag
from tfaip.params.suggestions import any_of
from tfaip.params.values import choices_of

_INDENT = 2
_TEXT_COLUMN = 40
_TEXT_COLUMN_OF_NARROW = 16  # as on 80 characters, where the text would have 40 only
_NARROW = 100
_METAVARS = {int: "INT", float: "FLOAT", bool: "True|False", str: "TEXT"}
_NO_BREAK = "\N{NO-BREAK SPACE}"  # it keeps `(default: 1)` together
_LONGEST_CHOICES = 28  # longer lists of choices go into the text, where they can be wrapped


def format_help(
    flags: Iterable[Flag],
    values: Mapping[str, Any],
    given: Container[str],
    names_of: NamesOfChoice,
    *,
    width: int,
) -> str:
    """Return one paragraph for each group of `flags`: what each is, and the value that would be used.

    Args:
        flags: The flags that exist after what was parsed so far.
        values: By the name of a flag, the value that would be used.
        given: The names of the flags that were typed.
        names_of: Gives the names of a class that can be chosen.
        width: Characters in a line.
    """
    flags = list(flags)
    paragraphs = []
    for group in dict.fromkeys(flag.group for flag in flags):
        members = [flag for flag in flags if flag.group == group]
        members.sort(key=lambda flag: flag.name != group)
        lines = textwrap.wrap(_headline(group, members, values), max(width, 20))
        for flag in members:
            origin = "given" if flag.name in given else "default"
            text = _text(flag, values.get(flag.name, MISSING), origin, names_of)
            lines += _entry(flag, text, width)
        paragraphs.append("\n".join(lines) + "\n")
    return "\n".join(paragraphs)


def format_values(
    flags: Iterable[Flag], values: Mapping[str, Any], given: Container[str], names_of: NamesOfChoice
) -> str:
    """Return a line `--flag value` for each flag, written as it can be typed."""
    shown = [(flag, values.get(flag.name, MISSING)) for flag in flags]
    lines = [
        f"--{flag.name} {_typed(flag, value, names_of)}".rstrip()
        for flag, value in shown
        if value is not MISSING
        and (not flag.is_class or flag.field.meta.get("choices") or flag.name in given)
    ]
    return "\n".join(lines) + "\n"


def _headline(group: str, members: list[Flag], values: Mapping[str, Any]) -> str:
    has_class = members[0].name == group and members[0].is_class
    cls = type(values.get(group)) if has_class else members[0].owner.parsed_type
    return f"{group}: {_summary(cls)}".rstrip()


def _entry(flag: Flag, text: str, width: int) -> list[str]:
    column = _TEXT_COLUMN if width >= _NARROW - 1 else _TEXT_COLUMN_OF_NARROW
    left = f"{'':{_INDENT}}--{flag.name} {_metavar(flag)}"
    lines = textwrap.wrap(text, max(width - column, 20), break_on_hyphens=False)
    lines = [line.replace(_NO_BREAK, " ") for line in lines]
    if len(left) < column - 1:
        left, lines = f"{left:{column}}{lines[0]}", lines[1:]
    return [left, *(f"{'':{column}}{line}" for line in lines)]


def _metavar(flag: Flag) -> str:
    field = flag.field
    choices = "|".join(choices_of(field))
    if flag.is_class:
        metavar = "CLASS" if field.meta.get("choices") else "MODULE:CLASS"
    elif field.dict_type:
        metavar = "KEY=VALUE"
    elif choices:
        metavar = choices if len(choices) <= _LONGEST_CHOICES else "CHOICE"
    else:
        metavar = _METAVARS.get(field.type, "VALUE")
    if field.optional and not flag.is_class:
        metavar += "|None"
    return f"{metavar} ..." if field.list or field.dict_type else metavar


def _text(flag: Flag, value: Any, origin: str, names_of: NamesOfChoice) -> str:
    sentences = [str(flag.field.meta.get("help") or "").strip(), _choices_text(flag, names_of)]
    if flag.aliases:
        sentences.append("Also " + ", ".join(f"--{alias}" for alias in flag.aliases) + ".")
    if value is MISSING:
        sentences.append("(required)")
    else:
        sentences.append(f"({origin}:{_NO_BREAK}{_readable(flag, value, names_of)})")
    return " ".join(_closed(sentence) for sentence in sentences if sentence)


def _choices_text(flag: Flag, names_of: NamesOfChoice) -> str:
    if not flag.is_class:
        choices = choices_of(flag.field)
        return any_of(choices) if len("|".join(choices)) > _LONGEST_CHOICES else ""
    choices = flag.field.meta.get("choices") or []
    names = [display_name(choice, flag.field, names_of) for choice in choices]
    if not flag.field.meta.get("enforce_choices"):
        names.append("module:Class")
    return any_of(names) if choices else ""


def _closed(sentence: str) -> str:
    return sentence if sentence.endswith((".", ")", "?", "!")) else f"{sentence}."


def _readable(flag: Flag, value: Any, names_of: NamesOfChoice) -> str:
    if flag.is_class and not flag.field.meta.get("choices"):
        items = value if isinstance(value, list) else [value]
        return " ".join(type(item).__name__ if is_dataclass(item) else str(item) for item in items) or "empty"
    return _typed(flag, value, names_of) or "empty"


def _typed(flag: Flag, value: Any, names_of: NamesOfChoice) -> str:
    """Return `value` as it is typed behind the flag."""
    if value is None:
        return "None"
    if isinstance(value, Mapping):
        return " ".join(f"{key}={_word(item, flag, names_of)}" for key, item in value.items())
    if isinstance(value, (list, tuple, set, frozenset)):
        words = [_word(item, flag, names_of) for item in value]
        return " ".join(sorted(words) if isinstance(value, (set, frozenset)) else words)
    return _word(value, flag, names_of)


def _word(value: Any, flag: Flag, names_of: NamesOfChoice) -> str:
    if is_dataclass(value):
        return display_name(type(value), flag.field, names_of)
    if isinstance(value, Enum):
        return shlex.quote(str(value.value))
    if isinstance(value, str):
        return shlex.quote(value) if value else ""
    return repr(value) if isinstance(value, float) else str(value)


def _summary(cls: type) -> str:
    """Return the first line of the docstring of `cls`, or of the nearest parent whose author wrote one."""
    for parent in cls.__mro__:
        text = (parent.__dict__.get("__doc__") or "").strip().partition("\n")[0]
        if text and not text.startswith(f"{parent.__name__}("):  # that would be the text of `@dataclass`
            return "" if parent is object else text
    return ""

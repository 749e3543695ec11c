"""Whether the words behind a flag fit its type, before paiargparse converts them."""

import os
from collections.abc import Callable
from typing import Any

from paiargparse.dataclass_extractor import ArgumentField, str_to_enum

from tfaip.errors import UsageError
from tfaip.params.suggestions import did_you_mean
from tfaip.params.trust import allow_named_by_user
from tfaip.params.words import Given

_EXPECTED: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    str: "a text",
}
_NONE = ("none", "null")
_TRUE = ("true", "y", "yes")
_FALSE = ("false", "n", "no")


def checked_words(given: Given, field: ArgumentField) -> list[str]:
    """Return the values of `given`, with `~` expanded, if they fit `field`.

    Raises:
        UsageError: If there are too few or too many, or if one has another type or is no choice.
    """
    words = [_with_home(word) for word in given.values]
    if field.meta.get("names_code"):
        for word in words:
            allow_named_by_user(word.rpartition(":")[0])
    check_count(given, field)
    if field.optional and len(words) == 1 and is_none(words[0]):
        return words
    for word in words:
        _check_word(given.flag, word, field)
    return words


def check_count(given: Given, field: ArgumentField) -> None:
    """Raise if `given` has more or fewer values than `field` takes."""
    count = len(given.values)
    if field.list or field.dict_type:
        if count == 0 and field.meta.get("nargs") == "+":
            raise UsageError(f"`{given.flag}` expects at least one value, got none.")
    elif count == 0:
        hint = ""
        if given.follower and not given.follower.startswith("--"):
            hint = f" A value that starts with a dash is written `{given.flag}={given.follower}`."
        raise UsageError(f"`{given.flag}` expects {expected(field)}, but no value was given.{hint}")
    elif count > 1:
        raise UsageError(f"`{given.flag}` expects one value, got {count}: `{' '.join(given.values)}`.")


def expected(field: ArgumentField) -> str:
    """Return in words what one value of `field` must be."""
    choices = choices_of(field)
    if choices:
        text = "one of " + ", ".join(f"`{choice}`" for choice in choices)
    elif field.dict_type:
        text = "KEY=VALUE"
    elif field.dataclass:
        text = "a class"
    else:
        text = _EXPECTED.get(field.type, f"a {getattr(field.type, '__name__', field.type)}")
    return f"{text} or None" if field.optional else text


def choices_of(field: ArgumentField) -> list[str]:
    """Return the words that `field` is limited to, of an enum or by its metadata; none if it takes any."""
    if field.dataclass:
        return []
    if field.meta.get("choices") is not None and field.meta.get("enforce_choices", True):
        return [str(choice) for choice in field.meta["choices"]]
    if field.enum:
        return [str(member.value) for member in field.enum]
    return []


def is_none(word: str) -> bool:
    """Return whether `word` stands for the absence of a value."""
    return word.lower() in _NONE


def _check_word(flag: str, word: str, field: ArgumentField) -> None:
    if field.dict_type:
        _check_pair(flag, word, field)
        return
    choices = choices_of(field)
    if not _accepts(word, field, choices):
        raise UsageError(f"`{flag}` expects {expected(field)}, got `{word}`.{did_you_mean(word, choices)}")


def _check_pair(flag: str, word: str, field: ArgumentField) -> None:
    if field.dataclass:
        return  # paiargparse takes KEY and KEY=module:Class
    key, equals, value = word.partition("=")
    if not equals or "=" in value:
        raise UsageError(f"`{flag}` expects KEY=VALUE, got `{word}`.")
    for part, kind in ((key, field.type), (value, field.dict_type)):
        if not _converts(part, kind):
            raise UsageError(f"`{flag}` expects {_EXPECTED.get(kind, kind)} in `{word}`, got `{part}`.")


def _accepts(word: str, field: ArgumentField, choices: list[str]) -> bool:
    enum = field.enum
    if enum:
        return _converts(word, lambda text: str_to_enum(text, enum, field.type))
    if choices:
        return word in choices
    if field.type is bool:
        return word.lower() in (*_TRUE, *_FALSE) or word.isdecimal()
    return _converts(word, field.type)


def _converts(word: str, convert: Callable[[str], Any]) -> bool:
    try:
        convert(word)
    except (ValueError, TypeError):
        return False
    return True


def _with_home(word: str) -> str:
    """Return `word` with a leading `~` expanded: the shell leaves it alone in `--flag=~/folder`."""
    return os.path.expanduser(word) if word == "~" or word.startswith("~/") else word

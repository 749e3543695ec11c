"""Which class does a word on the command line name: one of the choices, or `module:Class`."""

from collections.abc import Callable
from dataclasses import is_dataclass
from typing import Any

from paiargparse.dataclass_extractor import ArgumentField

from tfaip.errors import UsageError
from tfaip.params.module_places import search_working_directory
from tfaip.params.suggestions import any_of, closest, did_you_mean, offer
from tfaip.params.trust import allow_named_by_user
from tfaip.params.user_modules import UserModuleError, import_user_module

NamesOfChoice = Callable[[Any], list[str]]


def class_named(flag: str, word: str, field: ArgumentField, names_of: NamesOfChoice) -> Any:
    """Return the class that `word` names.

    Args:
        flag: The flag as the user typed it, for the messages.
        word: What the user typed behind it.
        field: The field: the class to derive from, and the choices.
        names_of: Gives the names of a choice.

    Raises:
        UsageError: If there is no such class, or it can not be used for `field`.
    """
    choices = choices_by_name(field, names_of)
    if word in choices:
        return choices[word]
    if ":" not in word or field.meta.get("enforce_choices"):
        raise UsageError(_unknown_class(flag, word, field, names_of))
    found = _import_class(flag, word)
    _check_class(flag, word, found, field)
    return found


def choices_by_name(field: ArgumentField, names_of: NamesOfChoice) -> dict[str, Any]:
    """Return the class of each name that may stand for a choice of `field`."""
    choices = field.meta.get("choices") or []
    return {name: choice for choice in choices for name in names_of(choice)}


def display_name(cls: Any, field: ArgumentField, names_of: NamesOfChoice) -> str:
    """Return what a user types for `cls`: its shortest name if it is a choice, else `module:Class`."""
    if cls in (field.meta.get("choices") or []):
        return min(names_of(cls), key=len)
    return f"{cls.__module__}:{cls.__qualname__}"


def _unknown_class(flag: str, word: str, field: ArgumentField, names_of: NamesOfChoice) -> str:
    shown = [display_name(c, field, names_of) for c in field.meta.get("choices") or []]
    by_path = f"`module:Class` of a subclass of `{field.type.__name__}`"
    expected = [f"`{name}`" for name in shown]
    if not field.meta.get("enforce_choices"):
        expected.append(by_path)
    known = [*choices_by_name(field, names_of), *shown]
    hint = did_you_mean(word, known) if shown else _near_subclasses(word, field.type)
    return f"`{flag}` expects {any_of(expected)}, got `{word}`.{hint}"


def _near_subclasses(word: str, base: type) -> str:
    """Return a hint that names those classes by path which the user may have meant by a bare name."""
    paths = {cls.__name__: f"{cls.__module__}:{cls.__qualname__}" for cls in _subclasses(base)}
    names = [name for name in paths if name.removesuffix("Params") == word] or closest(word, paths)
    return offer([paths[name] for name in names])


def _subclasses(base: type) -> list[type]:
    found = [base]
    for cls in base.__subclasses__():
        found.extend(_subclasses(cls))
    return found


def _import_class(flag: str, word: str) -> Any:
    module_name, _, class_name = word.partition(":")
    search_working_directory()
    try:
        module = import_user_module(module_name)
    except UserModuleError as error:
        raise UsageError(f"`{flag}` can not use `{word}`. {error}") from error
    if not hasattr(module, class_name):
        names = [name for name, value in vars(module).items() if is_dataclass(value)]
        raise UsageError(
            f"`{flag}` can not use `{word}`: `{module_name}` has no class `{class_name}`."
            f"{did_you_mean(class_name, names)}"
        )
    allow_named_by_user(module_name)
    return getattr(module, class_name)


def _check_class(flag: str, word: str, cls: Any, field: ArgumentField) -> None:
    if not isinstance(cls, type) or not is_dataclass(cls):
        raise UsageError(f"`{flag}` expects a dataclass of params, but `{word}` is none.")
    if not field.meta.get("disable_subclass_check") and not issubclass(cls, field.type):
        raise UsageError(
            f"`{flag}` expects a subclass of `{field.type.__name__}`, but `{word}` derives from "
            f"{', '.join(f'`{base.__name__}`' for base in cls.__mro__[1:])}."
        )

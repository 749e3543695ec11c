"""What to say about words on the command line that are no flags."""

from collections.abc import Iterable

from tfaip.params.class_names import NamesOfChoice, display_name
from tfaip.params.flags import Flag, by_spelling
from tfaip.params.suggestions import any_of, closest, offer
from tfaip.params.words import Given


def unknown_flag_line(
    given: Given, flags: list[Flag], options: Iterable[str], names_of: NamesOfChoice
) -> str:
    """Return one line about the unknown flag `given`, with the flags that were probably meant.

    Args:
        given: What the user typed.
        flags: All flags of the dataclasses.
        options: All other flags of the program, with their dashes.
        names_of: Gives the names of a class that can be chosen.
    """
    line = f"Unknown flag `{given.flag}`."
    other_class = _classes_with(given.name, flags, names_of)
    if other_class:
        return f"{line} {other_class}"
    known = {name for flag in flags for name in (flag.name, *flag.aliases)}
    near = [f"--{name}" for name in nearest_flags(given.name, known)]
    near = near or closest(given.flag, options)
    if not near and not given.flag.startswith("--"):
        return f"{line} A value that starts with a dash is written `--flag={given.flag}`."
    return f"{line}{offer(near)}"


def stray_words_line(words: list[str], flags: Iterable[Flag]) -> str:
    """Return one line about the `words` that stand before the first flag."""
    name = words[0].lstrip("-\u2010\u2013\u2014")  # word processors turn `--` into a dash
    near = offer(f"--{near}" for near in nearest_flags(name, [flag.name for flag in flags]))
    return f"Unexpected argument `{' '.join(words)}`: flags start with `--`.{near}"


def nearest_flags(name: str, known: Iterable[str]) -> list[str]:
    """Return at most three of the `known` names for a wrong one, the most probable first.

    All are written without dashes. Below a prefix that exists only the last parts are compared, because the
    prefix alone makes all names below it look alike; a last part that exists elsewhere is offered with its
    own prefix.
    """
    known = sorted(set(known))
    prefix, _, last = name.rpartition(".")
    siblings = {other.rpartition(".")[2]: other for other in known if _parent(other) == prefix}
    same_end = [other for other in known if other.rpartition(".")[2] == last]
    near = [siblings[other] for other in closest(last, siblings)] if prefix else []
    near += closest(name, same_end) or same_end
    if not near and (not prefix or not siblings):
        near = closest(name, known)
    return list(dict.fromkeys(near))[:3]


def _parent(name: str) -> str:
    return name.rpartition(".")[0]


def _classes_with(name: str, flags: list[Flag], names_of: NamesOfChoice) -> str:
    """Return a sentence naming the choices that do have the field, if another choice has it."""
    prefix, _, last = name.rpartition(".")
    flag = by_spelling(flags).get(prefix)
    if flag is None or not flag.is_class or flag.field.list:
        return ""
    owners = [
        display_name(choice, flag.field, names_of)
        for choice in flag.field.meta.get("choices") or []
        if last in choice.__dataclass_fields__
    ]
    if not owners:
        return ""
    return f"It belongs to {any_of(f'`--{flag.name} {owner}`' for owner in owners)}."

"""Put a model together from several files: which weight comes from which of them.

Keys are names of modules or of single weights, `head` or `head/linear2/kernel`. They match whole names
between slashes: `head/linear1` is not part of `head/linear10`. The part `root/<graph>/` and `:0` at the end
may be left out.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tfaip.errors import UsageError
from tfaip.params.suggestions import did_you_mean
from tfaip.trainer.warmstart.matching import SUFFIX, WeightNameError, listed

Resolve = Callable[[str, str], str]


@dataclass(frozen=True)
class Override:
    """A part of the model, and the path of the file that replaces it."""

    key: str
    path: str

    @classmethod
    def parse(cls, text: str) -> "Override":
        """Return the override in `KEY=PATH`."""
        key, equals, path = text.partition("=")
        if not (key and equals and path):
            raise UsageError(
                f"`--warmstart.override` takes KEY=PATH, got {text!r}. "
                "Try `--warmstart.override head=run/best`."
            )
        return cls(key, path)


@dataclass(frozen=True)
class Part:
    """The names in a file, and the key of what it is for; the base has the empty key."""

    key: str
    path: str
    names: Sequence[str]


@dataclass(frozen=True)
class Origin:
    """Where a weight comes from: the index of the part, and the name in its file."""

    part: int
    name: str


def merge(
    target: Sequence[str],
    parts: Sequence[Part],
    excluded: Sequence[str],
    *,
    strict: bool,
    resolve: Resolve = lambda _, name: name,
) -> dict[str, Origin]:
    """Return for each weight of the model where it comes from; weights without an origin stay fresh.

    The part with the longest key that covers a weight wins. In strict mode each weight that a part covers
    must be in its file, unless a longer key or `excluded` takes it away, and the file may hold nothing else
    below its key. Otherwise a weight that is missing is taken from the part with the next shorter key.

    Args:
        target: The names in the model.
        parts: The files.
        excluded: Keys that keep their fresh values.
        strict: Demand that keys match exactly.
        resolve: Returns what the model calls a name without prefix and suffix, or else its second argument.

    Raises:
        UsageError: A key that the model lacks, or that was given twice.
        WeightNameError: Names do not match, or nothing is loaded; the message has the lists.
    """
    prefix = graph_prefix(target)
    short = {shortened(name, prefix): name for name in target}
    keys = [_key(part.key, prefix, short) for part in parts]
    _check_keys(
        [key for part, key in zip(parts, keys, strict=True) if part.key], "--warmstart.override", short
    )
    fresh = [_key(key, prefix, short) for key in excluded]
    _check_keys(fresh, "--warmstart.exclude_keys", short)
    contents = [_content(part, key, prefix, short, resolve) for part, key in zip(parts, keys, strict=True)]
    taken = [name for name in short if not any(covers(key, name) for key in fresh)]
    if strict:
        _check_strict(parts, keys, contents, taken, short)
    origins = {short[name]: origin for name in taken if (origin := _origin(name, keys, contents))}
    if not origins:
        raise WeightNameError(
            f"The files of the warm start hold no weight of the model. Model: {listed(list(short))}. "
            + " ".join(f"`{part.path}`: {listed(part.names)}." for part in parts)
        )
    return origins


def covers(key: str, name: str) -> bool:
    """Return whether the weight `name` is `key` or lies below it; the empty key covers all."""
    return not key or name == key or name.startswith(f"{key}/")


def graph_prefix(names: Sequence[str]) -> str:
    """Return `root/<graph>/` if all names begin with it, else an empty text."""
    first = re.match(r"[^/]+/[^/]+/", names[0]) if names else None
    return first[0] if first and all(name.startswith(first[0]) for name in names) else ""


def shortened(name: str, prefix: str) -> str:
    """Return the name without prefix and `:0`."""
    return name.removesuffix(SUFFIX).removeprefix(prefix)


def _key(key: str, prefix: str, short: dict[str, str]) -> str:
    key = key.strip("/")
    is_short = any(covers(key, name) for name in short)
    return key if is_short else shortened(key, prefix)


def _check_keys(keys: Sequence[str], flag: str, short: dict[str, str]) -> None:
    for key in keys:
        if not key or not any(covers(key, name) for name in short):
            known = _modules(short)
            raise UsageError(
                f"`{flag} {key}` names nothing in the model.{did_you_mean(key, known)} "
                f"There are: {listed(known)}."
            )
        if keys.count(key) > 1:
            raise UsageError(f"`{flag} {key}` was given twice. Leave one of them out.")


def _modules(short: dict[str, str]) -> list[str]:
    """Return all keys that there are: modules and weights."""
    parts = [name.split("/") for name in short]
    return list(dict.fromkeys("/".join(part[:n]) for part in parts for n in range(1, len(part) + 1)))


def _content(part: Part, key: str, prefix: str, short: dict[str, str], resolve: Resolve) -> dict[str, str]:
    """Return the names in the file by what they are in the model, without prefix and suffix."""
    own = graph_prefix(part.names)
    same_root = own.partition("/")[0] == prefix.partition("/")[0]
    names = {shortened(name, own if same_root else ""): name for name in part.names}
    if not key:
        return {resolve(n, n): name for n, name in names.items()}
    absolute = {resolve(n, n): name for n, name in names.items() if covers(key, n)}
    below = {resolve(full, full): name for n, name in names.items() if (full := _joined(key, n, short))}
    relative = [name for full, name in below.items() if full in short]
    if absolute and relative:
        raise WeightNameError(
            f"`{part.path}` mixes names from the outside in with names below `{key}`, so it is not clear "
            f"what is meant. From the outside in: {listed(list(absolute.values()))}. "
            f"Below `{key}`: {listed(relative)}. Write it with one kind of names."
        )
    return below if relative else absolute


def _joined(key: str, name: str, short: dict[str, str]) -> str:
    """Return a name that is relative to `key` in full; a single weight is called by its last part."""
    is_leaf = key in short
    if is_leaf:
        return key if name == key.rpartition("/")[2] else f"{key}/{name}"
    return f"{key}/{name}"


def _check_strict(
    parts: Sequence[Part],
    keys: Sequence[str],
    contents: Sequence[dict[str, str]],
    taken: Sequence[str],
    short: dict[str, str],
) -> None:
    problems = []
    for index, (part, content) in enumerate(zip(parts, contents, strict=True)):
        covered = [name for name in taken if _deepest(name, keys) == index]
        missing = [name for name in covered if name not in content]
        surplus = [name for name in content if name not in short] if content else list(part.names)
        if missing or surplus:
            what = f"`{part.path}` for `{keys[index]}`" if keys[index] else f"`{part.path}`"
            problems.append(f"{what}: missing {listed(missing)}; not in the model {listed(surplus)}.")
    if problems:
        raise WeightNameError(
            f"The files of the warm start do not fit the model. {' '.join(problems)} Keep fresh values with "
            "`--warmstart.exclude_keys`, or load what fits with `--warmstart.strict False`."
        )


def _deepest(name: str, keys: Sequence[str]) -> int | None:
    covering = _covering(name, keys)
    return covering[0] if covering else None


def _covering(name: str, keys: Sequence[str]) -> list[int]:
    """Return the indices of the keys that cover `name`, longest key first."""
    found = [index for index, key in enumerate(keys) if covers(key, name)]
    return sorted(found, key=lambda index: len(keys[index]), reverse=True)


def _origin(name: str, keys: Sequence[str], contents: Sequence[dict[str, str]]) -> Origin | None:
    for index in _covering(name, keys):
        if name in contents[index]:
            return Origin(index, contents[index][name])
    return None

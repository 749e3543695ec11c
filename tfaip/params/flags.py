"""The flags that a tree of dataclasses has at the moment, with every spelling of each."""

from collections.abc import Iterable, Iterator
from dataclasses import MISSING, dataclass
from typing import Any

from paiargparse.dataclass_extractor import ArgumentField, extract_args_of_dataclass
from paiargparse.param_tree import PAINode, PAINodeDataClass

from tfaip.params.aliases import aliases_of


@dataclass(frozen=True)
class Flag:
    """One flag: a field of a dataclass, or the choice of the class itself.

    Attributes:
        name: The spelling that help shows, without dashes: `learning_rate.lr`.
        path: The fields that lead there from the root: `trainer.learning_rate.lr`.
        names: All spellings, also `name` and `path`.
        field: What paiargparse read from the dataclass: type, optional, list, choices, help.
        node: Where paiargparse keeps the value.
        owner: The node of the dataclass that has the field; of a root, the node itself.
    """

    name: str
    path: tuple[str, ...]
    names: frozenset[str]
    field: ArgumentField
    node: PAINode
    owner: PAINodeDataClass

    @property
    def group(self) -> str:
        """The first part of the name: flags of one group stand together in help."""
        return self.name.partition(".")[0]

    @property
    def is_class(self) -> bool:
        """Whether the value is a class, or a list of classes, rather than a number or a text."""
        return bool(self.field.dataclass) and not self.field.dict_type

    @property
    def is_fixed(self) -> bool:
        """Whether the class may not be exchanged; then only its fields are flags."""
        return bool(self.field.meta.get("fix_dc")) and not self.field.meta.get("tuple_like")

    @property
    def aliases(self) -> list[str]:
        """The spellings of the documentation, without dashes."""
        return aliases_of(self.name)

    def value_in(self, root: Any) -> Any:
        """Return the value of the field in `root`, the object that was built of the whole tree."""
        value = root
        for step in self.path[1:]:
            value = _step_into(value, step)
        return value

    def current(self) -> Any:
        """Return the value that was read, else the default, else `MISSING`."""
        if not self.is_class and not self.node.is_missing():
            return self.node.value
        if self.owner is self.node:
            return self.owner.default_value
        return getattr(self.owner.default_value, self.field.name, self.field.default)


def flags_of(tree: PAINodeDataClass, registered: Iterable[str]) -> list[Flag]:
    """Return all flags below `tree` in the order of the fields.

    Args:
        tree: The tree of paiargparse; its children are the root arguments.
        registered: The flags, with dashes, that paiargparse has added to its parser by now. A class that may
            not be chosen, or that was excluded, has none.
    """
    known = set(registered)
    found: list[Flag] = []
    for name, root in tree.dcs.items():
        field = ArgumentField(
            name, root.parsed_type, {}, False, None, True, root.default_value, False, None, None
        )
        flag = Flag(name, (name,), _spellings(name, [], name), field, root, root)
        found.extend([flag, *_flags_below(root, flag)])
    return [flag for flag in found if f"--{flag.name}" in known and not flag.is_fixed]


def by_spelling(flags: Iterable[Flag]) -> dict[str, Flag]:
    """Return the flag of each spelling.

    A flag's own name wins over other spellings; one that two flags share belongs to neither.
    """
    found: dict[str, Flag | None] = {}
    flags = list(flags)
    for flag in flags:
        for name in flag.names:
            found[name] = None if name in found else flag
    found.update({flag.name: flag for flag in flags})
    return {name: flag for name, flag in found.items() if flag is not None}


def fields_of(node: PAINodeDataClass) -> list[ArgumentField]:
    """Return the fields of the dataclass of `node`, or its items if it is a list or a dict."""
    if hasattr(node.parsed_type, "__dataclass_fields__"):
        return extract_args_of_dataclass(node.parsed_type)
    return [
        ArgumentField(name, child.parsed_type, {}, False, None, True, MISSING, False, None, None)
        for name, child in node.dcs.items()
    ]


def _flags_below(node: PAINodeDataClass, parent: Flag) -> Iterator[Flag]:
    for field in fields_of(node):
        if field.name in node.params:
            param = node.params[field.name]
            yield _flag(param, param.arg_name, field, node, parent)
        if field.name in node.dcs:
            child = node.dcs[field.name]
            flag = _flag(child, f"{child.arg_name}{child.name}", field, node, parent)
            yield flag
            yield from _flags_below(child, flag)


def _flag(node: PAINode, name: str, field: ArgumentField, owner: PAINodeDataClass, parent: Flag) -> Flag:
    path = (*parent.path, field.name)
    return Flag(name, path, _spellings(name, parent.names, field.name), field, node, owner)


def _spellings(name: str, prefixes: Iterable[str], last: str) -> frozenset[str]:
    """Return `name` and its aliases, and `last` and its aliases below each of the `prefixes`."""
    aliases = aliases_of(name)
    home = name.rpartition(".")[0]
    lasts = [last, *(end for a in aliases for start, _, end in [a.rpartition(".")] if start == home)]
    below = [f"{prefix}.{end}" for prefix in prefixes for end in lasts]
    return frozenset([name, *aliases, *below])


def _step_into(value: Any, step: str) -> Any:
    if isinstance(value, dict):
        return value[step]
    if isinstance(value, list):
        return value[int(step)]
    return getattr(value, step)

from dataclasses import dataclass, field
from typing import List

from tfaip.params.post_init import post_init

calls: List[str] = []


@dataclass
class Leaf:
    name: str

    def __post_init__(self) -> None:
        calls.append(self.name)


@dataclass
class Branch:
    left: Leaf = field(default_factory=lambda: Leaf("left"))
    many: List[Leaf] = field(default_factory=lambda: [Leaf("in a list")])
    right: Leaf = field(default_factory=lambda: Leaf("right"))

    def __post_init__(self) -> None:
        calls.append("branch")


def test_children_come_first_and_lists_are_not_entered():
    branch = Branch()
    calls.clear()

    post_init(branch)

    assert calls == ["left", "right", "branch"]


def test_what_is_no_params_object_is_ignored():
    for value in (None, 3, "x", [Leaf("a")], Leaf):
        calls.clear()

        post_init(value)

        assert calls == []

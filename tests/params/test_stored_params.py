"""What params make of JSON: types are kept, mistakes are told with their place."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Dict, List, Literal, Optional, Set, Tuple

import pytest
from dataclasses_json import config
from paiargparse import pai_dataclass, pai_meta

from tfaip.errors import UsageError
from tfaip.params.enums import StrEnum
from tfaip.params.stored_params import params_from_stored
from tfaip.params.trust import reading


class Color(StrEnum):
    RED = "red"
    BLUE = "blue"


class Size(Enum):
    SMALL = 1


@pai_dataclass
@dataclass
class ItemParams:
    value: int = 1


@pai_dataclass
@dataclass
class BigItemParams(ItemParams):
    more: str = "more"


@pai_dataclass
@dataclass
class AllParams:
    epochs: int = 1
    rate: float = 0.1
    on: bool = True
    name: str = "name"
    color: Color = Color.RED
    size: Size = Size.SMALL
    maybe: Optional[int] = None
    loose: str = None  # type: ignore[assignment] - as people write
    numbers: List[int] = field(default_factory=list)
    colors: Set[Color] = field(default_factory=set)
    by_name: Dict[str, float] = field(default_factory=dict)
    by_number: Dict[int, str] = field(default_factory=dict)
    pair: Tuple[int, str] = (1, "a")
    row: Tuple[int, ...] = ()
    either: str | List[str] = "a"
    mode: Literal["a", "b"] = "a"
    anything: Any = None
    bare: list = field(default_factory=list)
    item: ItemParams = field(default_factory=ItemParams)
    maybe_item: Optional[ItemParams] = None
    items: List[ItemParams] = field(default_factory=list)
    items_by_name: Dict[str, ItemParams] = field(default_factory=dict)
    renamed: int = field(default=1, metadata={**pai_meta(), **config(field_name="otherName")})
    decoded: str = field(default="", metadata={**pai_meta(), **config(decoder=lambda value: f"<{value}>")})


@pai_dataclass
@dataclass
class RequiredParams:
    needed: int


@pai_dataclass
@dataclass
class CheckedParams:
    even: int = 0

    def __post_init__(self) -> None:
        if self.even % 2:
            raise ValueError(f"`even` must be even, got {self.even}")


def read(**content: Any) -> Any:
    return params_from_stored(AllParams, content)


def mistake(**content: Any) -> str:
    with pytest.raises(UsageError) as caught:
        read(**content)
    return str(caught.value)


def test_params_come_back_as_they_were():
    params = AllParams(
        epochs=5,
        colors={Color.RED, Color.BLUE},
        by_number={1: "a"},
        row=(1, 2, 3),
        either=["a", "b"],
        anything={"a": [1, None]},
        item=BigItemParams(2, "x"),
        maybe_item=BigItemParams(),
        items=[ItemParams(3), BigItemParams(4)],
        items_by_name={"a": BigItemParams(5)},
        renamed=9,
    )
    params.decoded = ""

    back = params_from_stored(AllParams, params.to_dict())  # type: ignore[attr-defined]

    back.decoded = ""
    assert back == params
    assert type(back.items[1]) is BigItemParams


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("epochs", 3.0, 3),
        ("rate", 3, 3),
        ("color", "blue", Color.BLUE),
        ("size", 1, Size.SMALL),
        ("maybe", None, None),
        ("maybe", 5, 5),
        ("loose", None, None),
        ("loose", "text", "text"),
        ("numbers", [1, 2], [1, 2]),
        ("numbers", (1, 2), [1, 2]),
        ("colors", ["red"], {Color.RED}),
        ("by_number", {"1": "a"}, {1: "a"}),
        ("pair", [2, "b"], (2, "b")),
        ("either", "a", "a"),
        ("either", ["a"], ["a"]),
        ("mode", "b", "b"),
        ("anything", {"__cls__": "os:system"}, {"__cls__": "os:system"}),
        ("bare", [1, "a"], [1, "a"]),
        ("item", {"value": 3}, ItemParams(3)),
        ("maybe_item", {}, ItemParams()),
    ],
)
def test_values_fit(key, value, expected):
    found = getattr(read(**{key: value}), key)

    assert found == expected
    assert type(found) is type(expected)


def test_names_in_json_and_decoders_of_fields_are_used():
    params = read(otherName=3, decoded=7)

    assert (params.renamed, params.decoded) == (3, "<7>")


@pytest.mark.parametrize(
    ("key", "value", "telling"),
    [
        ("epochs", "lots", '`epochs`: "lots", but `AllParams.epochs` expects a whole number'),
        ("epochs", "5", "a whole number"),
        ("epochs", 1.5, "a whole number"),
        ("epochs", True, "a whole number"),
        ("epochs", None, "`epochs`: null, but `AllParams.epochs` expects a whole number"),
        ("rate", "0.1", "a number"),
        ("rate", False, "a number"),
        ("on", "True", "true or false"),
        ("on", 1, "true or false"),
        ("name", 1, "a text"),
        ("name", None, "a text"),
        ("loose", 5, "a text"),
        ("color", "green", '"red" or "blue"'),
        ("size", "SMALL", "expects 1"),
        ("size", True, "expects 1"),
        ("maybe", "x", "a whole number"),
        ("numbers", 1, "a list"),
        ("numbers", "12", "a list"),
        ("numbers", [1, "a"], '`numbers.1`: "a", but a whole number belongs there'),
        ("colors", ["red", "x"], "`colors.1`"),
        ("by_name", [1], "an object"),
        ("by_name", {"a": "b"}, '`by_name.a`: "b", but a number'),
        ("by_number", {"a": "b"}, "keys are numbers"),
        ("pair", [1], "a list of 2"),
        ("either", 1, "a text, or a list"),
        ("mode", "c", '"a" or "b"'),
        ("item", 1, "an object with the fields of `ItemParams`"),
        ("item", None, "an object with the fields of `ItemParams`"),
        ("item", [1], "an object"),
        ("items", {"value": 1}, "a list"),
        ("items", [{"value": "x"}], '`items.0.value`: "x", but `ItemParams.value` expects a whole number'),
        ("items_by_name", {"a": 1}, "`items_by_name.a`"),
    ],
)
def test_what_does_not_fit_is_told_with_place_value_and_type(key, value, telling):
    assert telling in mistake(**{key: value})


def test_a_long_or_evil_value_is_shown_on_a_short_line():
    said = mistake(epochs="\x1b[2J\n" * 1000)

    assert "\x1b" not in said
    assert len(said) < 500


@pytest.mark.parametrize(
    ("content", "telling"),
    [
        (
            {"epoch": 5},
            "the key `epoch`, but `AllParams` has no field of that name. Did you mean `epochs`?",
        ),
        ({"Epochs": 5}, "Did you mean `epochs`?"),
        (
            {"item": {"valeu": 5}},
            "the key `item.valeu`, but `ItemParams` has no field",
        ),
        ({"item": {"__class__": 5, "values": 3}}, "Did you mean `value`?"),
    ],
)
def test_a_key_that_is_nearly_right_is_told_with_the_right_one(content, telling):
    assert telling in mistake(**content)


def test_a_key_that_the_scenario_once_had_is_left_out_with_a_note(caplog):
    with caplog.at_level("INFO"), reading("note.json"):
        params = params_from_stored(AllParams, {"zzzz": 1, "epochs": 7})

    assert params.epochs == 7
    assert "`note.json` is not as this version writes it" in caplog.text
    assert "left out, for no field has that name: zzzz" in caplog.text


def test_what_a_file_lacks_is_noted_once(caplog):
    stored = AllParams().to_dict()  # type: ignore[attr-defined]
    del stored["rate"], stored["item"]["value"]

    with caplog.at_level("INFO"), reading("once.json"):
        params_from_stored(AllParams, stored)
        params_from_stored(AllParams, stored)

    assert caplog.text.count("taken from the defaults: item.value, rate") == 1


def test_params_made_in_code_are_read_without_a_note(caplog):
    with caplog.at_level("INFO"):
        read(epochs=3)

    assert caplog.text == ""


def test_a_missing_field_without_default_is_told():
    with pytest.raises(UsageError, match="lacks `needed`, which has no default"):
        params_from_stored(RequiredParams, {})


def test_a_mistake_that_params_find_themselves_is_told_with_the_file():
    with (
        reading("run/x.json"),
        pytest.raises(UsageError, match=r"x.json` can not be used: `even` must be even"),
    ):
        params_from_stored(CheckedParams, {"even": 3})


@pytest.mark.parametrize("content", [None, 1, "text", [1]])
def test_what_is_no_object_is_told(content):
    with pytest.raises(UsageError, match="an object with the fields of `AllParams`"):
        params_from_stored(AllParams, content)


def test_deep_params_are_refused():
    content: dict[str, Any] = {}
    for _ in range(5000):
        content = {"inner": content}

    with pytest.raises(UsageError, match="nested deeper"):
        params_from_stored(NestedParams, content)


@pai_dataclass
@dataclass
class NestedParams:
    inner: Optional["NestedParams"] = None

import json

from tfaip.params.enums import StrEnum


class Mode(StrEnum):
    FAST = "fast"


def test_members_are_their_values_as_text_and_in_json():
    assert str(Mode.FAST) == f"{Mode.FAST}" == Mode.FAST == "fast"
    assert json.dumps({"mode": Mode.FAST}) == '{"mode": "fast"}'

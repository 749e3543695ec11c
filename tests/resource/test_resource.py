# ruff: noqa: RUF009 - `resource_field` returns a field
import copy
import pickle
from dataclasses import dataclass
from typing import Optional

from paiargparse import pai_dataclass

from tfaip.params.parser import TFAIPArgumentParser
from tfaip.resource.resource import Resource, resource_field


@pai_dataclass
@dataclass
class CodecParams:
    codec: Optional[Resource] = resource_field(default=None, help="The characters, one in a line.")


def test_a_resource_is_stored_as_its_path():
    params = CodecParams(codec=Resource("a/codec.txt"))

    as_dict = params.to_dict()  # type: ignore[attr-defined]

    assert as_dict["codec"] == "a/codec.txt"
    assert CodecParams.from_dict(as_dict) == params  # type: ignore[attr-defined]
    assert CodecParams.from_dict(CodecParams().to_dict()) == CodecParams()  # type: ignore[attr-defined]


def test_a_resource_is_its_path_until_it_is_registered():
    resource = Resource("a/codec.txt")

    assert (str(resource), resource.basename, resource.abs_path) == ("a/codec.txt", "codec.txt", None)


def test_a_resource_is_copied_and_pickled():
    resource = Resource("a/codec.txt")

    assert copy.deepcopy(resource) == pickle.loads(pickle.dumps(resource)) == resource


def test_a_resource_is_given_on_the_command_line():
    parser = TFAIPArgumentParser()
    parser.add_root_argument("data", CodecParams)

    assert parser.parse_args(["--data.codec", "a/codec.txt"]).data == CodecParams(
        codec=Resource("a/codec.txt")
    )

# ruff: noqa: RUF009 - `resource_field` returns a field
import os
from dataclasses import dataclass, field
from typing import List, Optional

import pytest
from paiargparse import pai_dataclass

from tfaip.errors import StorageError, UntrustedError
from tfaip.resource.manager import ResourceManager
from tfaip.resource.resource import Resource, resource_field


@pai_dataclass
@dataclass
class InnerParams:
    words: Optional[Resource] = resource_field(default=None)


@pai_dataclass
@dataclass
class OuterParams:
    codec: Optional[Resource] = resource_field(default=None)
    model: Optional[Resource] = resource_field(default=None, resource_id="language_model")
    inner: InnerParams = field(default_factory=InnerParams)
    items: List[InnerParams] = field(default_factory=list)
    resource_base_path: str = "."


@pytest.fixture
def files(tmp_path):
    for name in ("a/list.txt", "b/list.txt", "model/weights"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def registered(root, **params):
    outer = OuterParams(**params)
    manager = ResourceManager(str(root))
    manager.register_all(outer)
    return outer, manager


def test_resources_are_found_by_field_or_given_id(files):
    outer, manager = registered(
        files,
        codec=Resource("a/list.txt"),
        model=Resource("model"),
        inner=InnerParams(Resource("b/list.txt")),
    )

    assert dict(manager.items()) == {
        "codec": outer.codec,
        "language_model": outer.model,
        "words": outer.inner.words,
    }
    assert manager.get("words").abs_path == str(files / "b/list.txt")
    assert "codec" in manager
    assert manager.get("codec") in manager
    assert "other" not in manager


def test_an_absolute_path_stays(files):
    outer, _ = registered("/", codec=Resource(str(files / "a/list.txt")))

    assert str(outer.codec) == str(files / "a/list.txt")


def test_resources_in_lists_have_ids_of_their_own(files):
    items = [InnerParams(Resource("a/list.txt")), InnerParams(Resource("b/list.txt"))]

    _, manager = registered(files, items=items)

    assert [r_id for r_id, _ in manager.items()] == ["words", "items.1.words"]


def test_an_id_is_given_once_and_without_slash(files):
    manager = ResourceManager(str(files))
    manager.register("codec", Resource("a"), ())

    with pytest.raises(KeyError, match="two resources are called codec"):
        manager.register("codec", Resource("b"), ())
    with pytest.raises(ValueError, match="holds a `/`"):
        manager.register("a/b", Resource("b"), ())


def test_a_removed_resource_is_forgotten(files):
    _, manager = registered(files, codec=Resource("a"), model=Resource("b"))

    manager.remove(manager.get("codec"))
    manager.remove("language_model")

    assert list(manager.items()) == []
    with pytest.raises(KeyError, match="no resource 'codec'"):
        manager.remove("codec")


def test_export_copies_files_and_directories_and_writes_relative_paths(files):
    outer, manager = registered(
        files,
        codec=Resource("a/list.txt"),
        model=Resource("model"),
        items=[InnerParams(Resource("b/list.txt"))],
    )
    as_dict = outer.to_dict()  # type: ignore[attr-defined]

    manager.dump(str(files / "export"), as_dict)

    assert as_dict["codec"] == "resources/list.txt"
    assert as_dict["model"] == "resources/model"
    assert as_dict["items"][0]["words"] == "resources/words/list.txt"
    assert as_dict["resource_base_path"] == "."
    assert (files / "export/resources/list.txt").read_text() == "a/list.txt"
    assert (files / "export/resources/words/list.txt").read_text() == "b/list.txt"
    assert (files / "export/resources/model/weights").read_text() == "model/weights"
    assert manager.get("codec").abs_dump_path == str(files / "export/resources/list.txt")


def test_exported_resources_are_found_where_the_export_lies(files):
    outer, manager = registered(files, codec=Resource("a/list.txt"))
    as_dict = outer.to_dict()  # type: ignore[attr-defined]
    manager.dump(str(files / "export"), as_dict)

    again = OuterParams.from_dict(as_dict)  # type: ignore[attr-defined]
    os.rename(files / "export", files / "moved")
    ResourceManager(str(files / "moved")).register_all(again)

    assert (files / "moved/resources/list.txt").samefile(again.codec)


def test_an_export_over_its_own_resources_keeps_them(files):
    _, manager = registered(files, codec=Resource("resources/list.txt"))
    (files / "resources").mkdir()
    (files / "resources/list.txt").write_text("kept")

    manager.dump(str(files))

    assert (files / "resources/list.txt").read_text() == "kept"


def test_a_missing_resource_is_named(files):
    _, manager = registered(files, codec=Resource("missing.txt"))

    with pytest.raises(
        StorageError, match=r"`codec` could not be copied from `.*missing\.txt`.*No such file"
    ):
        manager.dump(str(files / "export"))


def test_a_model_may_not_point_outside_of_its_directory(files):
    with pytest.raises(UntrustedError, match=r"`codec` of the model in .* points outside of it, to `\.\./x`"):
        registered(files, codec=Resource("../x"))


def test_a_user_may_point_outside_of_the_current_directory(files, monkeypatch):
    monkeypatch.chdir(files / "a")

    outer, _ = registered(".", codec=Resource("../b/list.txt"))

    assert str(outer.codec) == str(files / "b/list.txt")

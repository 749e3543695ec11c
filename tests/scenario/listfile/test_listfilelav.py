import json
import logging

import pytest

from tests.scenario.listfile.toy_lists import ListToyScenario, write_list
from tfaip.lav.params import LAVParams
from tfaip.scenario.listfile.listfilelav import ListFileLAV, result_names
from tfaip.scenario.listfile.params import ListsFileGeneratorParams


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    """The export of a training of one epoch."""
    folder = tmp_path_factory.mktemp("run")
    params = ListToyScenario.default_trainer_params()
    params.gen.train.lists = [write_list(folder / "train.lst", range(40))]
    params.output_dir, params.epochs = str(folder), 1
    ListToyScenario.create_trainer(params).train()
    return folder / "export"


@pytest.fixture
def lists(tmp_path):
    """Three lists of validation points."""
    ids = {"a": range(1000, 1020), "b": range(1020, 1025), "c": range(1025, 1026)}
    return {name: write_list(tmp_path / f"{name}.lst", numbers) for name, numbers in ids.items()}


def lav_of(export, **kwargs):
    lav_params = LAVParams(model_path=str(export), **kwargs)
    lav_params.pipeline.batch_size = 8
    return ListToyScenario.create_lav(lav_params, ListToyScenario.params_from_path(str(export)))


def run(lav, *lists, **kwargs):
    return list(lav.run([ListsFileGeneratorParams(lists=list(names)) for names in lists], **kwargs))


def test_several_lists_give_the_results_of_all_and_of_each(export, lists):
    lav = lav_of(export, silent=True, store_results=False)

    both, a, b = run(lav, [lists["a"], lists["b"]])

    assert isinstance(lav, ListFileLAV)
    assert [result.num_samples for result in (both, a, b)] == [25, 20, 5]
    assert both["acc"] == pytest.approx((20 * a["acc"] + 5 * b["acc"]) / 25)
    assert not (export / "lav_results.json").exists()


def test_results_are_stored_under_the_names_of_the_lists(export, lists):
    all_lists, a, _ = run(lav_of(export, silent=True), [lists["a"], lists["b"]])

    stored = {path.name: json.loads(path.read_text()) for path in export.glob("lav_results*")}
    assert set(stored) == {"lav_results.json", "lav_results_a.json", "lav_results_b.json"}
    assert stored["lav_results.json"] == {"num_samples": 25, **all_lists}
    assert stored["lav_results_a.json"]["acc"] == a["acc"]


def test_several_data_sets_have_one_result_each(export, lists):
    results = run(lav_of(export, silent=True, store_results=False), [lists["a"], lists["b"]], [lists["c"]])

    assert [result.num_samples for result in results] == [25, 1]


def test_the_lists_of_a_result_are_named_unless_lav_is_silent(export, lists, caplog):
    with caplog.at_level(logging.INFO):
        run(lav_of(export, store_results=False), [lists["b"], lists["c"]])

    named = [r.getMessage() for r in caplog.records if "These are the results" in r.getMessage()]
    assert named == [
        f"These are the results of {names}."
        for names in (f"{lists['b']}, {lists['c']}", lists["b"], lists["c"])
    ]


def test_no_two_data_sets_share_a_file():
    names = result_names([["x/a.lst", "y/a.lst"], ["x/a.lst"], ["y/a.lst"], [], ["b"]])

    assert names == [
        "lav_results.json",
        "lav_results_a.json",
        "lav_results_a_2.json",
        "lav_results_3.json",
        "lav_results_b.json",
    ]

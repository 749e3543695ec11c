import pytest

from tfaip.errors import UsageError
from tfaip.trainer.warmstart.matching import (
    WeightNameError,
    ranked,
    renamed,
    select,
    trimmed,
    without_numbers,
)

KERAS = {"dense", "lstm_cell", "batch_normalization"}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["root/G/a/kernel:0", "root/G/b/kernel:0"], ["a/kernel:0", "b/kernel:0"]),
        (["root/G/dense/k:0", "root/G/dense_1/k:0"], ["dense/k:0", "dense_1/k:0"]),
        (["root/G/a/kernel:0", "root/G/a/bias:0"], ["kernel:0", "bias:0"]),
        (["a/kernel:0", "b/kernel:0"], ["a/kernel:0", "b/kernel:0"]),
        ([], []),
    ],
)
def test_trimming_cuts_the_common_beginning_up_to_a_slash(names, expected):
    assert trimmed(names) == expected


def test_rules_replace_plain_text_one_after_the_other():
    assert renamed("a.b/kernel:0", ["a.b->c", "c/->d/"]) == "d/kernel:0"
    assert renamed("axb/kernel:0", ["a.b->c"]) == "axb/kernel:0"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lstm/lstm_cell_3/kernel:0", "lstm/lstm_cell/kernel:0"),
        ("lstm_cell_12/kernel:0", "lstm_cell/kernel:0"),
        ("lstm/my_lstm_cell_3/kernel:0", "lstm/my_lstm_cell_3/kernel:0"),
        ("lstm/lstm_cell_3b/kernel:0", "lstm/lstm_cell_3b/kernel:0"),
        ("lstm/lstm_cell_3", "lstm/lstm_cell_3"),
    ],
)
def test_numbers_of_named_layers_are_removed(name, expected):
    assert without_numbers(name, ["lstm_cell"]) == expected


def test_running_numbers_become_ranks_below_their_parent():
    names = ["g/dense_7/k", "g/dense_9/k", "g/dense_9/b", "g/a/dense_8/k", "h/dense/k"]

    assert ranked(names, KERAS.__contains__) == [
        *("g/dense/k", "g/dense_1/k", "g/dense_1/b", "g/a/dense/k", "h/dense/k")
    ]


@pytest.mark.parametrize(
    "names",
    [
        ["g/block_2/k", "g/block_3/k"],  # somebody's own numbers: a part of a larger model
        ["g/dense_0/k", "g/dense_1/k", "g/dense_2/k"],  # Keras never gives the number 0
        ["g/dense_01/k", "g/dense_02/k"],
        ["g/x/dense_3"],  # the last part is the weight, not a layer
    ],
)
def test_numbers_that_keras_did_not_give_stay(names):
    assert ranked(names, KERAS.__contains__) == names


def test_equal_names_are_a_match_in_the_order_of_the_model():
    selection = select(["a:0", "b:0"], ["b:0", "a:0"])

    assert list(selection.pairs) == ["a:0", "b:0"]
    assert (selection.cold, selection.unused) == ([], [])


def test_without_a_selection_both_sides_must_be_the_same():
    with pytest.raises(WeightNameError, match=r"Missing in the file: b:0\. Not in the model: c:0\."):
        select(["a:0", "b:0"], ["a:0", "c:0"])


def test_a_partial_match_takes_what_both_sides_have():
    selection = select(["a:0", "b:0"], ["a:0", "c:0"], allow_partial=True)

    assert selection.pairs == {"a:0": "a:0"}
    assert (selection.cold, selection.unused) == (["b:0"], ["c:0"])


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ({"include": "head/.*"}, ["head/a:0", "head/b:0"]),
        ({"exclude": "head/.*"}, ["body/a:0"]),
        ({"include": ".*/a"}, ["body/a:0", "head/a:0"]),
        ({"include": ".*/a:0", "exclude": "body.*"}, ["head/a:0"]),
        ({"include": "head.*", "exclude": "head"}, ["head/a:0", "head/b:0"]),
    ],
)
def test_patterns_match_whole_names_with_or_without_the_end(patterns, expected):
    names = ["body/a:0", "head/a:0", "head/b:0"]

    assert list(select(names, names, **patterns).pairs) == expected


@pytest.mark.parametrize("arguments", [{}, {"allow_partial": True}, {"include": "b.*"}, {"exclude": "a.*"}])
def test_nothing_in_common_is_an_error_with_both_lists(arguments):
    with pytest.raises(WeightNameError, match=r"(?s)Model: a:0, c:0\..*b:0.*warmstart\.rename"):
        select(["a:0", "c:0"], ["b:0", "d:0"], **arguments)


def test_a_pattern_that_leaves_nothing_is_named():
    with pytest.raises(WeightNameError, match=r"after `--warmstart\.include x`: none \(of a:0\)"):
        select(["a:0"], ["a:0"], include="x")


@pytest.mark.parametrize(("target", "loaded"), [(["a", "a"], ["a"]), (["a"], ["a", "a"])])
def test_renaming_may_not_give_two_weights_the_same_name(target, loaded):
    with pytest.raises(WeightNameError, match="are called a after renaming"):
        select(target, loaded)


def test_an_error_of_names_is_a_usage_error_and_a_name_error():
    assert issubclass(WeightNameError, (UsageError, NameError))
    assert WeightNameError.exit_code == 2


def test_very_long_lists_are_cut():
    names = [f"layer/w{i}:0" for i in range(500)]

    with pytest.raises(WeightNameError, match=r"w99:0 and 400 more") as caught:
        select(names, ["x:0"])
    assert len(str(caught.value)) < 3000

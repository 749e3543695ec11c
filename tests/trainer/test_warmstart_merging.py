import pytest

from tfaip.errors import UsageError
from tfaip.trainer.warmstart.matching import WeightNameError
from tfaip.trainer.warmstart.merging import Origin, Override, Part, covers, graph_prefix, merge

FIVE = ["backbone/linear1", "backbone/linear2", "head/linear1", "head/linear2", "head/linear3"]
MODEL = [f"root/Net/{name}:0" for name in FIVE]
BASE = Part("", "base", MODEL)


def merged(parts, excluded=(), *, strict=True, target=MODEL):
    """Return for each weight the path of the file it comes from; `-` for a fresh one."""
    origins = merge(target, parts, excluded, strict=strict)
    return [parts[origins[name].part].path if name in origins else "-" for name in target]


def test_a_key_covers_whole_names_only():
    assert covers("head", "head/linear1")
    assert covers("head/linear1", "head/linear1")
    assert covers("head/linear1", "head/linear1/kernel")
    assert not covers("head/linear1", "head/linear10")
    assert not covers("head/linear1/kernel", "head/linear1")
    assert covers("", "head/linear1")


def test_the_graph_is_no_part_of_the_keys():
    assert graph_prefix(MODEL) == "root/Net/"
    assert graph_prefix(["linear1", "linear2"]) == ""
    assert graph_prefix(["root/Net/a", "root/Other/a"]) == ""


def test_the_base_gives_all_weights():
    assert merged([BASE]) == ["base"] * 5


@pytest.mark.parametrize("key", ["head", "head/", "root/Net/head"])
@pytest.mark.parametrize(
    "names", [["linear1", "linear2", "linear3"], ["head/linear1", "head/linear2", "head/linear3"], MODEL]
)
def test_a_part_may_have_short_or_full_names(key, names):
    head = Part(key, "head", [f"{name.removesuffix(':0')}:0" for name in names])

    assert merged([BASE, head]) == ["base", "base", "head", "head", "head"]


@pytest.mark.parametrize("key", ["head/linear2", "head/linear2:0", "root/Net/head/linear2:0"])
@pytest.mark.parametrize("names", [["linear2:0"], ["head/linear2:0"], MODEL])
def test_a_longer_key_wins_down_to_one_weight(key, names):
    parts = [Part(key, "one", names), Part("head", "head", MODEL), BASE]

    assert merged(parts) == ["base", "base", "head", "one", "head"]
    assert merge(MODEL, parts, [], strict=True)[MODEL[3]].part == 0


def test_excluded_keys_stay_fresh_and_need_no_loose_mode():
    assert merged([BASE], ["head/linear3"]) == ["base", "base", "base", "base", "-"]
    assert merged([BASE], ["head"]) == ["base", "base", "-", "-", "-"]


def test_a_file_need_not_hold_what_others_give_or_what_is_excluded():
    body = Part("", "base", MODEL[:2])
    parts = [body, Part("head", "head", MODEL[2:3]), Part("head/linear2", "one", ["linear2:0"])]

    assert merged(parts, ["head/linear3"]) == ["base", "base", "head", "one", "-"]


def test_names_with_the_same_beginning_are_not_confused():
    target = ["head/linear1/kernel", "head/linear10/kernel"]
    base, other = Part("", "base", target), Part("head/linear1", "other", ["kernel"])

    assert merged([base, other], target=target) == ["other", "base"]
    assert merged([base], ["head/linear1"], target=target) == ["-", "base"]


def test_without_a_base_the_rest_stays_fresh():
    assert merged([Part("head", "head", MODEL)]) == ["-", "-", "head", "head", "head"]


def test_a_model_of_another_graph_is_a_base_too():
    base = Part("", "base", [name.replace("Net", "Other") for name in MODEL])

    assert merge(MODEL, [base], [], strict=True)[MODEL[0]] == Origin(0, "root/Other/backbone/linear1:0")


@pytest.mark.parametrize(
    ("key", "flag"),
    [("hed", "--warmstart.override hed"), ("head/linear", "--warmstart.override head/linear")],
)
def test_an_unknown_key_is_refused_with_those_there_are(key, flag):
    with pytest.raises(UsageError, match=rf"`{flag}` names nothing.*There are: backbone, backbone/linear1"):
        merged([BASE, Part(key, "x", MODEL)])


@pytest.mark.parametrize("key", ["head/linear", "linear3", "x", "", "/"])
def test_an_unknown_exclusion_is_refused(key):
    with pytest.raises(UsageError, match=r"`--warmstart\.exclude_keys .*` names nothing in the model"):
        merged([BASE], [key])


def test_a_wrong_key_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match="Did you mean `head/linear3`"):
        merged([BASE], ["head/linaer3"])


def test_a_key_can_be_given_once():
    with pytest.raises(UsageError, match=r"`--warmstart\.override head` was given twice"):
        merged([BASE, Part("head", "a", MODEL), Part("root/Net/head", "b", MODEL)])


def test_a_file_with_both_kinds_of_names_is_refused():
    mixed = Part("head", "mixed.h5", ["head/linear1:0", "linear2:0", "linear3:0"])

    with pytest.raises(WeightNameError, match=r"`mixed\.h5` mixes.*head/linear1:0.*linear2:0, linear3:0"):
        merged([BASE, mixed], strict=False)


def test_strict_names_what_is_missing_and_what_is_too_much():
    head = Part("head", "b", ["linear1:0", "linear2:0", "extra:0"])

    with pytest.raises(
        WeightNameError, match=r"`b` for `head`: missing head/linear3; not in the model head/extra\."
    ):
        merged([BASE, head])


def test_strict_counts_for_the_base_too():
    base = Part("", "a", [*MODEL[:4], "root/Net/old:0"])

    with pytest.raises(WeightNameError, match=r"`a`: missing head/linear3; not in the model old\."):
        merged([base])


def test_a_file_of_something_else_is_shown_with_its_names():
    with pytest.raises(WeightNameError, match=r"missing head/linear1.*not in the model x:0, y:0"):
        merged([BASE, Part("head", "b", ["x:0", "y:0"])])


def test_loose_mode_takes_what_fits_and_the_rest_from_the_next_shorter_key():
    head = Part("head", "b", ["linear1:0", "linear2:0", "extra:0"])

    assert merged([BASE, head], strict=False) == ["base", "base", "b", "b", "base"]
    assert merged([head], strict=False) == ["-", "-", "b", "b", "-"]


def test_nothing_at_all_is_an_error_with_all_lists():
    with pytest.raises(WeightNameError, match=r"Model: backbone/linear1.*`b`: x:0, y:0\."):
        merged([Part("head", "b", ["x:0", "y:0"])], strict=False)


@pytest.mark.parametrize("text", ["head", "=path", "head=", ""])
def test_an_override_is_a_key_and_a_path(text):
    with pytest.raises(UsageError, match="takes KEY=PATH"):
        Override.parse(text)


def test_a_path_may_hold_an_equals_sign():
    assert Override.parse("head=runs/lr=1/best") == Override("head", "runs/lr=1/best")

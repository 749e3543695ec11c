from tfaip.params.suggestions import any_of, closest, did_you_mean, offer


def test_the_closest_come_first():
    assert closest("epohcs", ["epoch", "epochs", "other"]) == ["epochs", "epoch"]


def test_case_makes_no_difference():
    assert closest("sGd", ["SGD", "SGDW", "Adam"]) == ["SGD"]
    assert closest("ADMA", ["SGD", "Adam"]) == ["Adam"]


def test_nothing_close_gives_no_question():
    assert did_you_mean("x", ["epochs"]) == ""


def test_names_become_a_question():
    assert did_you_mean("epoch", ["epochs", "other"]) == " Did you mean `epochs`?"
    assert offer(["a", "b", "c"]) == " Did you mean `a`, `b` or `c`?"


def test_words_are_joined():
    assert [any_of([]), any_of(["a"]), any_of(["a", "b"])] == ["", "a", "a or b"]

import pytest

from tfaip.errors import UsageError
from tfaip.scenario.freeze_rules import FreezeRule


@pytest.mark.parametrize(
    ("text", "pattern", "epochs"),
    [
        ("backbone:2", "backbone", 2),
        ("backbone", "backbone", None),
        (".*/conv_[0-3]:10", ".*/conv_[0-3]", 10),
        ("(?:a|b)", "(?:a|b)", None),
        ("(?:a|b):1", "(?:a|b)", 1),
    ],
)
def test_a_rule_is_a_pattern_and_perhaps_a_number_of_epochs(text, pattern, epochs):
    assert FreezeRule.parse(text) == FreezeRule(text, pattern, epochs)


@pytest.mark.parametrize("text", ["", ":2", "backbone:0", "backbone:-1", "backbone:1.5"])
def test_a_malformed_rule_is_refused(text):
    with pytest.raises(UsageError, match=r"`--trainer\.freeze` takes PATTERN:EPOCHS"):
        FreezeRule.parse(text)


def test_a_broken_pattern_is_refused():
    with pytest.raises(UsageError, match=r"`--trainer\.freeze` must be a regular expression"):
        FreezeRule.parse("(backbone:2")


def test_a_rule_holds_until_its_epochs_are_done():
    rule = FreezeRule.parse("backbone:2")

    assert [rule.holds(done) for done in range(4)] == [True, True, False, False]
    assert FreezeRule.parse("backbone").holds(1000)


@pytest.mark.parametrize("pattern", ["backbone", "G/backbone", "root/G/backbone", ".*bone", "Backbone"])
def test_a_rule_matches_the_path_or_its_end_or_the_class(pattern):
    assert FreezeRule.parse(pattern).matches("root/G/backbone", "Backbone")


@pytest.mark.parametrize("pattern", ["back", "bone", "backbone/conv", "root"])
def test_a_rule_matches_at_slashes_only(pattern):
    assert not FreezeRule.parse(pattern).matches("root/G/backbone", "Backbone")

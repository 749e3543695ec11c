import pytest

from tfaip.errors import UsageError
from tfaip.params.checks import check_number, check_one_of, check_pattern


def test_number_within_its_bounds_passes():
    check_number("--x", 0, at_least=0, less_than=1)
    check_number("--x", 0.5, more_than=0, at_most=0.5)
    check_number("--x", None, at_least=0, optional=True)


@pytest.mark.parametrize(
    ("value", "bounds", "message"),
    [
        (1.5, {"at_least": 0, "less_than": 1}, "`--x` must be at least 0 and less than 1, got 1.5."),
        (0, {"more_than": 0, "hint": "Try 1."}, "`--x` must be more than 0, got 0. Try 1."),
        (3, {"at_most": 2}, "`--x` must be at most 2, got 3."),
        (float("nan"), {"at_least": 0}, "`--x` must be at least 0, got nan."),
        (float("inf"), {}, "`--x` must be a finite number, got inf."),
        ("a", {}, "`--x` must be a finite number, got 'a'."),
        (None, {"at_least": 0}, "`--x` must be at least 0, got None."),
    ],
)
def test_number_out_of_bounds_is_refused(value, bounds, message):
    with pytest.raises(UsageError) as raised:
        check_number("--x", value, **bounds)

    assert str(raised.value) == message


def test_value_that_is_no_choice_is_refused():
    check_one_of("--x", 1, (1, 2))
    with pytest.raises(UsageError, match=r"^`--x` must be one of 1, 2, got 3\.$"):
        check_one_of("--x", 3, (1, 2))


def test_malformed_pattern_is_refused():
    check_pattern("--x", None)
    check_pattern("--x", ".*")
    with pytest.raises(UsageError, match=r"^`--x` must be a regular expression, got '\['"):
        check_pattern("--x", "[")

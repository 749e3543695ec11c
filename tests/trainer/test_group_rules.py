import pytest

from tfaip.errors import UsageError
from tfaip.trainer.optimizer.group_rules import GroupRule, parse_rules, undecayed
from tfaip.trainer.optimizer.optimizers import AdamOptimizer


@pytest.mark.parametrize(
    ("pattern", "path", "is_match"),
    [
        ("bias", "root/net/bias", True),
        ("bias", "root/bias_net/kernel", False),
        ("head/linear1", "root/head/linear1/kernel", True),
        ("head/linear1", "root/head/linear10/kernel", False),
        ("backbone/.*", "root/backbone/conv/kernel", True),
        ("backbone/.*", "root/my_backbone/kernel", False),
        (".*norm.*", "root/batch_norm_1/gamma", True),
        ("bias|gamma", "root/x/gamma", True),
    ],
)
def test_a_pattern_matches_whole_parts_of_a_path(pattern, path, is_match):
    assert GroupRule(pattern).matches(path) is is_match


def test_rules_are_read():
    rules = parse_rules(["backbone/.*=lr*0.1", "bias=decay*0, lr*2e-1", "a=b=lr*1"])

    assert [(r.pattern, r.lr, r.decay) for r in rules] == [
        ("backbone/.*", 0.1, 1.0),
        ("bias", 0.2, 0.0),
        ("a=b", 1.0, 1.0),
    ]


@pytest.mark.parametrize(
    "text",
    [
        *("bias", "bias=", "=lr*1", "bias=lr", "bias=lr*", "bias=lr*x", "bias=rate*1", "bias=lr*-1"),
        *("bias=lr*nan", "bias=lr*inf", "bias=lr*1,lr*2", "(=lr*1"),
    ],
)
def test_a_rule_that_can_not_be_read_is_refused_with_its_text(text):
    with pytest.raises(UsageError, match=r"--optimizer\.groups"):
        AdamOptimizer(groups=[text])


def test_exclusions_are_found_anywhere():
    (rule,) = undecayed(["ia"])

    assert rule.matches("root/bias")
    assert (rule.lr, rule.decay) == (1.0, 0.0)

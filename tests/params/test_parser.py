from dataclasses import dataclass, field
from typing import Any, Dict, List

import pytest
from paiargparse import PAIArgumentParser, RequiredArgumentError, pai_dataclass, pai_meta
from paiargparse.dataclass_parser import UnknownArgumentError

from tests.params.toy_tree import (
    AdamOptimizer,
    ConvLayerParams,
    ModelParams,
    PoolLayerParams,
    RateParams,
    SGDOptimizer,
    Strategy,
    ToyParams,
)
from tfaip.errors import UsageError
from tfaip.params.parser import TFAIPArgumentParser

TOY = "tests.params.toy_tree"


def toy_parser(**defaults: Any) -> TFAIPArgumentParser:
    parser = TFAIPArgumentParser(prog="toy")
    parser.add_root_argument("trainer", ToyParams, default=ToyParams(**defaults))
    return parser


def parse(line: str, **defaults: Any) -> ToyParams:
    return toy_parser(**defaults).parse_args(line.split()).trainer


def mistake(line: str, **defaults: Any) -> str:
    with pytest.raises(UsageError) as caught:
        parse(line, **defaults)
    return str(caught.value)


# ---- what is right


@pytest.mark.parametrize(
    "line",
    [
        "",
        "--trainer.epochs 3 --trainer.ema_decay -1 --trainer.force_eager yes",
        "--trainer.epochs=3 --trainer.output_dir=x --trainer.tags=a",
        "--optimizer SGD --optimizer.momentum 0.5 --optimizer.global_clip_norm 5",
        "--optimizer.momentum 0.5 --optimizer SGDOptimizer",
        f"--optimizer {TOY}:SGDOptimizer --optimizer.momentum 0.5",
        "--trainer.gpus 0 1 --trainer.tags a b --trainer.strategy MIRROR --trainer.level high",
        "--trainer.gpus None --trainer.random_seed 4 --trainer.output_dir None",
        "--scenario.weights a=1 b=2.5 --model.dropout None",
        "--model.layers PoolLayerParams ConvLayerParams --model.layers.1.kernel 5 5 --model.layers.0.size 2",
        f"--model.layers {TOY}:PoolLayerParams --model.layers.0.size 2",
        "--model.layers.0.size 2",
        "--model.layers",
        f"--trainer.extra {TOY}:RateParams --trainer.extra.lr 4",
        "--train.batch_size 2 --val.batch_size 3 --train.images a b c",
    ],
)
def test_correct_lines_give_what_paiargparse_gives(line: str):
    plain = PAIArgumentParser()
    plain.add_root_argument("trainer", ToyParams, default=ToyParams(epochs=7))

    expected = plain.parse_args(line.split()).trainer

    assert parse(line, epochs=7) == expected


def test_values_come_from_the_default_instance_unless_given():
    params = parse("--learning_rate.lr 0.5", epochs=7, learning_rate=RateParams(lr=1, lr_decay_rate=0.1))

    assert params.epochs == 7
    assert params.learning_rate == RateParams(lr=0.5, lr_decay_rate=0.1)


def test_the_default_instance_is_not_changed():
    default = ToyParams(gpus=[1])
    parser = TFAIPArgumentParser()
    parser.add_root_argument("trainer", ToyParams, default=default)

    parser.parse_args(["--trainer.epochs", "3", "--model.dropout", "0.1", "--trainer.gpus", "4"])

    assert default == ToyParams(gpus=[1])


@pytest.mark.parametrize("name", ["AdamOptimizer", "Adam", f"{TOY}:AdamOptimizer"])
def test_a_class_has_its_name_its_short_name_and_its_path(name: str):
    assert type(parse(f"--optimizer {name}", optimizer=SGDOptimizer()).optimizer) is AdamOptimizer


@pytest.mark.parametrize("name", ["ConvLayerParams", "ConvLayer"])
def test_the_ending_params_may_be_left_out(name: str):
    assert parse(f"--model.layers {name}").scenario.model.layers == [ConvLayerParams()]


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("learning_rate.lr", "trainer.learning_rate.lr"),
        ("optimizer.beta_1", "trainer.optimizer.beta_1"),
        ("model.dropout", "trainer.scenario.model.dropout"),
        ("model.dropout", "scenario.model.dropout"),
        ("model.layers.0.size", "trainer.scenario.model.layers.0.size"),
        ("train.batch_size", "trainer.gen.setup.train.batch_size"),
        ("train.images", "trainer.gen.train.images"),
    ],
)
def test_full_paths_equal_short_flags(short: str, full: str):
    assert parse(f"--{full} 1") == parse(f"--{short} 1") != parse("")


def test_a_full_path_chooses_a_class():
    assert type(parse("--trainer.optimizer SGD --trainer.optimizer.momentum 1").optimizer) is SGDOptimizer


@pytest.mark.parametrize(
    ("alias", "flag"),
    [
        ("trainer.calc_ema", "trainer.ema_decay"),
        ("optimizer.clip_global_norm", "optimizer.global_clip_norm"),
        ("trainer.optimizer.clip_global_norm", "optimizer.global_clip_norm"),
        ("learning_rate.decay", "learning_rate.lr_decay_rate"),
        ("trainer.learning_rate.decay", "learning_rate.lr_decay_rate"),
    ],
)
def test_spellings_of_the_documentation_equal_flags(alias: str, flag: str):
    assert parse(f"--{alias} 0.5") == parse(f"--{flag} 0.5") != parse("")


@pytest.mark.parametrize("number", ["-1", "-0.5", "-.5", "-1e-3", "-inf"])
def test_negative_numbers_are_values(number: str):
    assert parse(f"--trainer.ema_decay {number}").ema_decay == float(number)


def test_a_value_may_start_with_a_dash_behind_an_equals_sign():
    assert parse("--trainer.output_dir=-x --trainer.tags=--a=b").output_dir == "-x"


def test_values_may_be_empty_or_unicode():
    params = toy_parser().parse_args(["--trainer.output_dir", "", "--trainer.tags", "ü 😀", "a b"]).trainer

    assert (params.output_dir, params.tags) == ("", {"ü 😀", "a b"})


def test_a_list_may_be_given_empty():
    assert parse("--trainer.gpus --trainer.tags", gpus=[1], tags={"a"}).gpus == []


@pytest.mark.parametrize(
    ("word", "value"), [("true", True), ("Y", True), ("2", True), ("NO", False), ("0", False)]
)
def test_booleans_have_words(word: str, value: bool):
    assert parse(f"--trainer.force_eager {word}").force_eager is value


def test_the_home_folder_is_expanded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", "/home/me")

    params = parse("--trainer.output_dir=~/run --train.images ~/a ~ b~ ~x")

    assert params.output_dir == "/home/me/run"
    assert params.gen.train.images == ["/home/me/a", "/home/me", "b~", "~x"]


def test_ten_thousand_values_are_read():
    assert len(parse("--train.images " + "a " * 10_000).gen.train.images) == 10_000


def test_plain_arguments_stand_beside_params():
    parser = toy_parser()
    parser.add_argument("--dump")
    parser.add_argument("--fast", action="store_true")

    args = parser.parse_args(["--trainer.epochs", "2", "--dump", "x", "--model.dropout", "0.1", "--fast"])

    assert (args.dump, args.fast, args.trainer.epochs, args.trainer.scenario.model.dropout) == (
        "x",
        True,
        2,
        0.1,
    )


def test_parse_known_args_returns_what_it_does_not_know():
    args, rest = toy_parser().parse_known_args(["a", "--trainer.epochs", "2", "--foo", "1", "-2"])

    assert args.trainer.epochs == 2
    assert rest == ["a", "--foo", "1", "-2"]


def test_flags_of_a_sub_command_are_read():
    parser = TFAIPArgumentParser()
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("fit").add_root_argument("trainer", ToyParams)  # type: ignore[attr-defined]

    args = parser.parse_args(["fit", "--trainer.epochs", "2"])

    assert (args.command, args.trainer.epochs) == ("fit", 2)


def test_a_flat_root_has_no_prefix_and_ignored_flags_do_not_exist():
    parser = TFAIPArgumentParser()
    parser.add_root_argument("rate", RateParams, default=RateParams(lr=4), flat=True, ignore=["lr_decay"])

    assert parser.parse_args(["--lr", "3"]).rate == RateParams(lr=3)
    with pytest.raises(UsageError, match="Unknown flag `--lr_decay_rate`"):
        parser.parse_args(["--lr_decay_rate", "3"])


# ---- what is wrong


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("trainer.epohcs", "--trainer.epochs"),
        ("trainer.epoch", "--trainer.epochs"),
        ("trainer.output_dri", "--trainer.output_dir"),
        ("trainer.output-dir", "--trainer.output_dir"),
        ("epochs", "--trainer.epochs"),
        ("lr", "--learning_rate.lr"),
        ("trainer.lr", "--learning_rate.lr"),
        ("trian.batch_size", "--train.batch_size"),
        ("optimizer.clip_globl_norm", "--optimizer.clip_global_norm"),
        ("trainer.optimizer.beta_2", "--optimizer.beta_1"),
    ],
)
def test_an_unknown_flag_gets_the_nearest_one(wrong: str, right: str):
    message = mistake(f"--{wrong} 3")

    assert message.startswith(f"Unknown flag `--{wrong}`. Did you mean `{right}`")


def test_nothing_is_offered_for_a_flag_that_resembles_none():
    assert mistake("--trainer.foo 3") == "Unknown flag `--trainer.foo`."


def test_each_unknown_flag_gets_a_line_with_its_own_suggestion():
    lines = mistake("--trainer.epoch 5 --trainer.output_dri y --trainer.epochs 4").splitlines()

    assert lines == [
        "Unknown flag `--trainer.epoch`. Did you mean `--trainer.epochs`?",
        "Unknown flag `--trainer.output_dri`. Did you mean `--trainer.output_dir`?",
    ]


def test_unknown_flags_are_also_the_error_of_paiargparse():
    with pytest.raises(UnknownArgumentError):
        parse("--foo 1")


def test_a_flag_of_another_class_names_that_class():
    assert mistake("--optimizer.momentum 1") == (
        "Unknown flag `--optimizer.momentum`. It belongs to `--optimizer SGD`."
    )


def test_flags_are_not_abbreviated():
    assert "Unknown flag `--trainer.epo`" in mistake("--trainer.epo 3")


def test_hidden_fields_are_no_flags():
    assert "Unknown flag `--trainer.current_epoch`" in mistake("--trainer.current_epoch 3")


def test_words_without_a_flag_are_named():
    assert mistake("epochs 5") == (
        "Unexpected argument `epochs 5`: flags start with `--`. Did you mean `--trainer.epochs`?"
    )


def test_a_dash_of_a_word_processor_is_recognised():
    assert "Did you mean `--trainer.epochs`?" in mistake("\u2013trainer.epochs 5")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--trainer.epochs five", "`--trainer.epochs` expects a whole number, got `five`."),
        ("--trainer.epochs 1.5", "`--trainer.epochs` expects a whole number, got `1.5`."),
        ("--trainer.epochs None", "`--trainer.epochs` expects a whole number, got `None`."),
        ("--trainer.random_seed x", "`--trainer.random_seed` expects a whole number or None, got `x`."),
        ("--trainer.gpus 0 x", "`--trainer.gpus` expects a whole number or None, got `x`."),
        ("--learning_rate.lr high", "`--learning_rate.lr` expects a number, got `high`."),
        ("--trainer.learning_rate.lr high", "`--trainer.learning_rate.lr` expects a number, got `high`."),
        ("--trainer.force_eager maybe", "`--trainer.force_eager` expects True or False, got `maybe`."),
        (
            "--trainer.strategy mirrr",
            "`--trainer.strategy` expects one of `default`, `mirror`, got `mirrr`. Did you mean `mirror`?",
        ),
        (
            "--trainer.level hgh",
            "`--trainer.level` expects one of `low`, `high`, got `hgh`. Did you mean `high`?",
        ),
        ("--scenario.weights a", "`--scenario.weights` expects KEY=VALUE, got `a`."),
        ("--scenario.weights a=b", "`--scenario.weights` expects a number in `a=b`, got `b`."),
        ("--trainer.epochs", "`--trainer.epochs` expects a whole number, but no value was given."),
        ("--trainer.epochs 1 2", "`--trainer.epochs` expects one value, got 2: `1 2`."),
        ("--optimizer", "`--optimizer` expects a class, but no value was given."),
        ("--optimizer SGD Adam", "`--optimizer` expects one value, got 2: `SGD Adam`."),
        (
            "--trainer.output_dir -x",
            "`--trainer.output_dir` expects a text or None, but no value was given. "
            "A value that starts with a dash is written `--trainer.output_dir=-x`.",
        ),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected(line: str, message: str):
    assert mistake(line) == message


def test_a_value_out_of_range_is_refused_by_the_params():
    assert mistake("--trainer.epochs -4") == "`--trainer.epochs` must be at least 1, got -4."


def test_a_value_error_of_the_users_params_becomes_one_line():
    assert mistake("--trainer.level high --trainer.epochs 13") == "13 epochs are not high"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("--learning_rate.lr 1", "--learning_rate.lr 1"),
        ("--learning_rate.lr 1", "--trainer.learning_rate.lr 2"),
        ("--trainer.ema_decay 1", "--trainer.calc_ema 2"),
        ("--optimizer SGD", "--trainer.optimizer Adam"),
        ("--optimizer.beta_1=1", "--optimizer.beta_1 1"),
    ],
)
def test_a_flag_may_not_be_given_twice(first: str, second: str):
    message = mistake(f"{first} --trainer.epochs 3 {second}")

    assert "is given twice" in message
    assert f"`{first}` and `{second}`" in message


def test_a_plain_argument_may_not_be_given_twice():
    parser = toy_parser()
    parser.add_argument("--dump", "--out")

    with pytest.raises(UsageError, match="`--out` is given twice: `--dump a` and `--out b`"):
        parser.parse_args(["--dump", "a", "--trainer.epochs", "3", "--out", "b"])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "--optimizer adam",
            "`--optimizer` expects `Adam`, `SGD` or `module:Class` of a subclass of `Optimizer`, got `adam`. "
            "Did you mean `Adam`?",
        ),
        ("--model.layers Pool Conv", "got `Pool`. Did you mean `PoolLayer`?"),
        (
            "--learning_rate Rate",
            "`--learning_rate` expects `module:Class` of a subclass of `RateParams`, got `Rate`. "
            f"Did you mean `{TOY}:RateParams`?",
        ),
        (f"--optimizer {TOY}:SGDOptimiser", "has no class `SGDOptimiser`. Did you mean `SGDOptimizer`"),
        (f"--optimizer {TOY}:RateParams", "expects a subclass of `Optimizer`"),
        ("--optimizer json:JSONDecoder", "expects a dataclass of params, but `json:JSONDecoder` is none."),
        (
            "--optimizer nowhere.at.all:X",
            "can not use `nowhere.at.all:X`. There is no module `nowhere.at.all`.",
        ),
    ],
)
def test_a_wrong_class_is_named_with_the_right_ones(line: str, message: str):
    assert message in mistake(line)


def test_a_class_whose_module_fails_names_the_users_line(tmp_path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "broken_params.py").write_text("import os\nraise RuntimeError('no license')\n")
    monkeypatch.syspath_prepend(tmp_path)

    message = mistake("--optimizer broken_params:X")

    assert f"{tmp_path / 'broken_params.py'}, line 2: RuntimeError: no license" in message


@pytest.mark.parametrize("line", ["--trainer.epohcs 3", "--trainer.epochs five", "--optimizer adam", "x"])
def test_every_mistake_is_one_line(line: str):
    assert "\n" not in mistake(line)


@pytest.mark.parametrize("arguments", [["--trainer.epochs"], ["--dump"], []])
def test_mistakes_with_plain_arguments_do_not_exit(arguments: List[str]):
    parser = toy_parser()
    parser.add_argument("--dump", required=True)

    with pytest.raises(UsageError, match="--dump"):
        parser.parse_args(arguments)


# ---- further kinds of fields


@pai_dataclass
@dataclass
class PointParams:
    x: int = 0
    y: float = 0.5


@pai_dataclass
@dataclass
class FurtherParams:
    must: int = field(metadata=pai_meta(help="There is no default."))
    model: ModelParams = field(metadata=pai_meta(choices=[ModelParams]))
    point: PointParams = field(default_factory=PointParams, metadata=pai_meta(tuple_like=True))
    rates: Dict[str, RateParams] = field(default_factory=dict)
    least: List[int] = field(default_factory=lambda: [1], metadata=pai_meta(nargs="+"))


def further(line: str) -> FurtherParams:
    parser = TFAIPArgumentParser()
    parser.add_root_argument("a", FurtherParams)
    return parser.parse_args(line.split()).a


REQUIRED = "--a.must 1 --a.model ModelParams"


@pytest.mark.parametrize(
    ("line", "missing"),
    [("--a.must 1", "--a.model"), ("--a.model ModelParams", "--a.must")],
)
def test_a_flag_without_default_must_be_given(line: str, missing: str):
    with pytest.raises(UsageError, match=missing) as caught:
        further(line)

    assert isinstance(caught.value, RequiredArgumentError)


def test_a_params_class_may_be_written_like_a_tuple():
    assert further(f"{REQUIRED} --a.point 3 4").point == PointParams(x=3, y=4)


@pytest.mark.parametrize(
    ("values", "message"),
    [("3 4 5", r"expects at most 2 values \(x, y\), got 3"), ("3 high", "expects a number, got `high`")],
)
def test_a_tuple_has_a_length_and_types(values: str, message: str):
    with pytest.raises(UsageError, match=message):
        further(f"{REQUIRED} --a.point {values}")


def test_a_dict_of_params_is_filled_by_key():
    rates = further(f"{REQUIRED} --a.rates b c={TOY}:RateParams --a.rates.b.lr 3").rates

    assert rates == {"b": RateParams(lr=3), "c": RateParams()}


def test_a_dict_of_params_refuses_other_classes():
    with pytest.raises(UsageError, match="expects a subclass of `RateParams`"):
        further(f"{REQUIRED} --a.rates b={TOY}:ModelParams")


def test_a_list_may_ask_for_a_value():
    with pytest.raises(UsageError, match=r"`--a\.least` expects at least one value, got none"):
        further(f"{REQUIRED} --a.least")


def test_an_optional_class_may_be_none():
    assert parse("--trainer.extra None", extra=RateParams()).extra is None


def test_enums_are_read_by_value_and_by_name():
    assert (
        parse("--trainer.strategy mirror").strategy
        == parse("--trainer.strategy MIRROR").strategy
        == Strategy.MIRROR
    )


def test_layers_of_the_default_keep_their_values():
    params = parse("--model.layers.1.size 3", scenario=parse("--model.layers PoolLayer ConvLayer").scenario)

    assert params.scenario.model.layers == [PoolLayerParams(), ConvLayerParams(size=3)]


def test_very_many_unknown_flags_are_counted():
    lines = mistake(" ".join(f"--x{i} 1" for i in range(500))).splitlines()

    assert len(lines) == 21
    assert lines[-1] == "There are 480 more unknown flags."


def test_a_parser_may_first_look_for_plain_arguments_only():
    parser = TFAIPArgumentParser()
    parser.add_argument("--model")
    first, rest = parser.parse_known_args(["--a.must", "1", "--model", "m", "--a.model", "ModelParams"])
    parser.add_root_argument("a", FurtherParams)

    second = parser.parse_args(rest)

    assert (first.model, second.a.must) == ("m", 1)

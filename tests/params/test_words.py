from tfaip.params.words import split_words


def test_words_become_flags_with_values():
    given, stray = split_words(["x", "--a", "1", "2", "--b=3", "4", "--c"])

    assert stray == ["x"]
    assert [(g.flag, g.values) for g in given] == [("--a", ["1", "2"]), ("--b", ["3", "4"]), ("--c", [])]
    assert [str(g) for g in given] == ["--a 1 2", "--b=3 4", "--c"]


def test_only_the_first_equals_sign_divides():
    assert split_words(["--a=b=c"])[0][0].values == ["b=c"]


def test_an_empty_value_is_a_value():
    given, _ = split_words(["--a=", "--b", ""])

    assert [g.values for g in given] == [[""], [""]]


def test_negative_numbers_and_a_single_dash_are_values():
    assert split_words(["--a", "-1", "-.5", "-1e-3", "-inf", "-"])[0][0].values == [
        "-1",
        "-.5",
        "-1e-3",
        "-inf",
        "-",
    ]


def test_other_words_with_a_dash_are_flags():
    given, _ = split_words(["--a", "-x"])

    assert [(g.flag, g.follower) for g in given] == [("--a", "-x"), ("-x", "")]

"""From a line to its steps."""

import pytest

from kamesh.components.oneline.tokens import PipelineMistake, Token, steps_of


def texts(line):
    """Give only the texts."""
    return [[token.text for token in step] for step in steps_of(line)]


@pytest.mark.parametrize(
    ("line", "steps"),
    [
        ("a", [["a"]]),
        ("a ! b", [["a"], ["b"]]),
        ("  a  1 ! b x=2 ", [["a", "1"], ["b", "x=2"]]),
        ("grep hello! ! b", [["grep", "hello!"], ["b"]]),
        ("grep '!' ! b", [["grep", "!"], ["b"]]),
        ("grep \\! ! b", [["grep", "!"], ["b"]]),
        ("grep 'a b' ! b", [["grep", "a b"], ["b"]]),
        ('grep "it\'s"', [["grep", "it's"]]),
        ('grep "a \\" b"', [["grep", 'a " b']]),
        ("grep '\\d'", [["grep", "\\d"]]),
        ("grep a'b c'd", [["grep", "ab cd"]]),
        ("grep ''", [["grep", ""]]),
        ("grep a\\", [["grep", "a\\"]]),
        ("a\t!\nb", [["a"], ["b"]]),
    ],
)
def test_steps(line, steps):
    """Blanks part words, '!' between blanks parts steps, quotes keep both."""
    assert texts(line) == steps


def test_what_was_quoted_is_known():
    """A quoted word is told from a plain one."""
    assert steps_of("grep 'a=b'") == [[Token("grep"), Token("a=b", quoted=0)]]


@pytest.mark.parametrize(
    ("line", "option"),
    [
        ("a=b", ("a", "b")),
        ("a='b c'", ("a", "b c")),
        ("a=", ("a", "")),
        ("a=b=c", ("a", "b=c")),
        ("'a=b'", None),
        ("'a'=b", None),
        ("=b", None),
        ("2=b", None),
        ("ab", None),
    ],
)
def test_options(line, option):
    """`key=value` is an option unless its beginning is quoted."""
    assert steps_of(line)[0][0].option == option


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("", "the pipeline is empty: write words joined by '!'"),
        ("  ", "the pipeline is empty: write words joined by '!'"),
        ("! a", "'! a': there is no word before the first '!'"),
        ("a !", "'a !': there is no word after the first '!'"),
        ("a ! b ! ! c", "'a ! b ! ! c': there is no word after the second '!'"),
        ("a | b", "'a | b': words are joined by '!' here, not by '|'"),
        ("a 'b", "\"a 'b\": the ' at character 3 is never closed"),
    ],
)
def test_mistakes(line, sentence):
    """Each mistake is a sentence that shows where."""
    with pytest.raises(PipelineMistake) as raised:
        steps_of(line)
    assert str(raised.value) == sentence

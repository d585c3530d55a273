"""The table of words: every row leads somewhere, and its arguments are taken there."""

import importlib
import inspect
import subprocess
import sys

import pytest

from kamesh.components.oneline.words import BETWEEN, WORDS, number, size, whole, yes

USES = [
    (name, use, word.arguments)
    for name, word in WORDS.items()
    for use in (word.use, *word.uses.values())
]


@pytest.mark.parametrize(("name", "use", "arguments"), USES)
def test_a_word_leads_to_what_takes_its_arguments(name, use, arguments):
    """What `use` names exists, and has the word's arguments, the positional ones in this order."""
    module, _, attribute = use.partition(":")
    maker = getattr(importlib.import_module(module), attribute)
    parameters = inspect.signature(maker).parameters
    assert set(arguments) <= set(parameters)
    needed = list(arguments)[: WORDS[name].needed]
    assert list(parameters)[: len(needed)] == needed
    required = {
        each
        for each, parameter in parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    }
    assert required <= set(needed)


def test_every_word_says_what_it_is():
    """Each has a summary, and a usage that shows what must be given and what may be."""
    assert all(word.summary for word in WORDS.values())
    assert WORDS["ticker"].usage("ticker") == "ticker INTERVAL [count=...]"
    assert WORDS["upper"].usage("upper") == "upper"


def test_what_could_stand_between_is_a_word():
    """The suggestions are words that take the one and can lead to the other."""
    for (coming, _), name in BETWEEN.items():
        assert coming in WORDS[name].takes


@pytest.mark.parametrize(
    ("convert", "given", "value"),
    [
        (whole, "3", 3),
        (number, "0.5", 0.5),
        (size, "1280x720", (1280, 720)),
        (yes, "no", False),
        (yes, "True", True),
    ],
)
def test_arguments_are_converted(convert, given, value):
    """Text becomes what the component takes."""
    assert convert(given) == value


@pytest.mark.parametrize(
    ("convert", "given"),
    [(whole, "1.5"), (number, "fast"), (size, "big"), (size, "1x"), (yes, "1")],
)
def test_arguments_that_are_not(convert, given):
    """What cannot be converted says what is expected."""
    with pytest.raises(ValueError, match=r"^(a|yes)"):
        convert(given)


def test_the_table_imports_nothing():
    """To look words up costs no component and no media library."""
    code = (
        "import sys\n"
        "import kamesh.components.oneline\n"
        "print(sorted(name for name in sys.modules if name.startswith('kamesh.components.')"
        " and 'oneline' not in name), 'av' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[] False\n"

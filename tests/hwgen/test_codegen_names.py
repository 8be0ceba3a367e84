"""Names: whatever a layer is called, its module is found by a plain name of its own."""

import re

import numpy as np
import pytest

from hwgen.codegen.names import comment_text, free_name, is_plain, plain_name, safe_names
from support.hostile import NAMES


def test_safe_names_are_plain_unique_and_leave_room_for_parts():
    names = [*NAMES, "", "x" * 3000, "a b", "a.b", "a_b", "A_B", "a__b"]
    safe = safe_names(names, taken=("axi_input", "clk"))
    assert list(safe) == names
    for name, word in safe.items():
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", word), (name, word)
        assert "__" not in word and len(word) < 80 and is_plain(word), (name, word)
    lower = [word.lower() for word in safe.values()] + ["axi_input", "clk"]
    assert len(set(lower)) == len(lower)


def test_good_names_stay():
    names = ["conv1", "layers_0_block", "Head"]
    assert safe_names(names) == {name: name for name in names}


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("always", "layer_always"),
        ("a.b c;", "a_b_c"),
        ("7", "layer_7"),
        ("", "layer"),
        ("层", "layer"),
        ("axi_input", "axi_input_2"),
    ],
)
def test_safe_name(name, word):
    assert safe_names([name], taken=("axi_input",)) == {name: word}


def test_the_same_names_get_the_same_words():
    assert safe_names(NAMES) == safe_names(list(NAMES))


def test_free_name_counts_on():
    assert free_name("a", {"a", "a_2", "b"}) == "a_3"
    assert free_name("A", {"a"}) == "A_2"


def test_plain_name_of_any_wire():
    rng = np.random.default_rng(5)
    characters = list("ab.$[]0_ \\")
    for attempt in range(300):
        name = "".join(rng.choice(characters, rng.integers(0, 8)))
        assert is_plain(plain_name(name)), f"seed 5, attempt {attempt}, {name!r}"
    assert plain_name("command.last") == "command_last"
    assert plain_name("always") == "always_"


def test_comment_text_stays_one_harmless_line():
    for name in NAMES:
        text = comment_text(name)
        assert text.isprintable() and text.isascii() and len(text) <= 100
        assert not set(text) & set("`\\*/$\"'<>|@{}&\n"), (name, text)

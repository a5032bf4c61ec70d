from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.errors import TemplateError
from aimwell.texts.masking import mask

SOURCES = st.text(alphabet="a{}%\n \"'<>", max_size=80) | st.lists(
    st.sampled_from(["{{ a }}", "{% if b %}", "\n", "text", "{% raw %}{{ c }}{% endraw %}", "<p>"])
).map("".join)


@given(SOURCES)
def test_unmasking_gives_the_text_back(source: str) -> None:
    masked = mask(source)
    assert masked.unmask(masked.text) == source
    letters, kept = masked.from_letters(masked.in_letters())
    assert letters == source
    assert kept == set(range(len(masked.pieces)))


def test_pieces_know_their_lines() -> None:
    masked = mask("a\n{{ b }}\n\n{% if c %}")
    assert [(piece.text, piece.line) for piece in masked.pieces] == [
        ("{{ b }}", 2),
        ("{% if c %}", 4),
    ]


def test_raw_and_comment_blocks_are_hidden_whole() -> None:
    masked = mask("x{% raw %}<a href='{{ y }}'>{% endraw %}{%- comment -%}<b>{% endcomment %}z")
    assert len(masked.pieces) == 2
    assert "<" not in masked.text


@pytest.mark.parametrize("character", ["\ufdd0", "\ufdd1", "\ufdd2"])
def test_the_characters_of_placeholders_are_refused(character: str) -> None:
    with pytest.raises(TemplateError, match="not characters"):
        mask(f"a{character}b")


def test_a_word_like_a_placeholder_of_letters_is_refused() -> None:
    with pytest.raises(TemplateError, match="aimwell7liquid"):
        mask("aimwell3liquid").in_letters()

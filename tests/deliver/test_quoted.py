from __future__ import annotations

import quopri
import re

from hypothesis import given
from hypothesis import strategies as st

from aimwell.deliver.quoted import encode, finish

NASTY = st.one_of(
    st.text(),
    st.text(alphabet=" \t\r\n.=From aé€😀\x00\x85\u2028", max_size=300),
    st.text(alphabet="xé", min_size=900, max_size=1500),
    # Around the length of a line: what stands at the start of the second is never a dot or `From `.
    st.text(alphabet="x.", min_size=70, max_size=155),
    st.builds(
        "{}{}{}".format,
        st.text("x", min_size=70, max_size=77),
        st.sampled_from([".", "From ", " F", "=", ""]),
        st.text("x ", max_size=80),
    ),
    st.sampled_from(
        [
            ".",
            "..",
            ".\r\n.",
            "From me",
            "a\nFrom me",
            "=",
            "=3D",
            " ",
            "\t",
            "  ",
            "\n",
            "\r",
            "a  \n b",
        ]
    ),
)


def read_back(body: bytes) -> str:
    return quopri.decodestring(body).decode("utf-8")


def with_lf(text: str) -> str:
    text = text.encode("utf-8", "replace").decode("utf-8")
    return re.sub(r"\r\n|\r|\n", "\n", text)


@given(st.lists(NASTY, max_size=6))
def test_what_went_in_in_pieces_comes_out_as_one_text(pieces: list[str]) -> None:
    body = finish([encode(piece) for piece in pieces])
    # Each piece has its own line ends made even, so that a CR and an LF in two pieces are two line ends.
    assert with_lf(read_back(body)).rstrip("\n") == "".join(map(with_lf, pieces)).rstrip("\n")


@given(st.lists(NASTY, max_size=6))
def test_every_line_is_short_plain_and_canonical(pieces: list[str]) -> None:
    body = finish([encode(piece) for piece in pieces])
    assert body.endswith(b"\r\n")
    assert not body.endswith(b"\r\n\r\n")
    assert body.isascii()
    assert b"\n" not in body.replace(b"\r\n", b"")
    assert b"\r" not in body.replace(b"\r\n", b"")
    for line in body.split(b"\r\n"):
        assert len(line) <= 76
        assert not line.startswith((b".", b"From "))
        assert not line.endswith((b" ", b"\t"))
        assert b"  " not in line
        assert b"\t" not in line


def test_a_text_that_ends_in_blanks_keeps_them() -> None:
    assert read_back(finish([encode("a "), encode(" ")])) == "a  \r\n"


def test_lone_surrogates_become_question_marks() -> None:
    assert read_back(finish([encode("a\ud800b")])) == "a?b\r\n"

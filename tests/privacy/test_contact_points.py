"""Addresses and numbers in one form each."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.privacy.contact_points import (
    normal_email,
    normal_phone,
    normalise_emails,
    normalise_phones,
)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("Ann@Example.COM", "ann@example.com"),
        ("  ann.b+tag@example.co.uk ", "ann.b+tag@example.co.uk"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@@example.com", None),
        ("ann", None),
        ("", None),
        ("ann@example", None),
        ("a" * 300 + "@example.com", None),
        ("ann@example.com\nBcc: all@example.com", None),
    ],
)
def test_emails(text: str, normal: str | None) -> None:
    assert normal_email(text) == normal


@pytest.mark.parametrize(
    ("text", "country", "normal"),
    [
        ("07700 900123", "GB", "+447700900123"),
        ("+44 7700 900123", None, "+447700900123"),
        ("0044 7700 900123", "GB", "+447700900123"),
        ("(650) 253-1234", "US", "+16502531234"),
        ("+16502531234", None, "+16502531234"),
        ("07700 900123", None, None),
        ("12", "GB", None),
        ("phone me", "GB", None),
        ("", "GB", None),
    ],
)
def test_phones(text: str, country: str | None, normal: str | None) -> None:
    assert normal_phone(text, country) == normal


WILD = st.lists(st.none() | st.text(max_size=30) | st.emails(), max_size=30)


@given(WILD)
def test_many_emails_at_once_are_as_one_by_one(values: list[str | None]) -> None:
    expected = [None if v is None else normal_email(v) for v in values]
    assert normalise_emails(pa.array(values, pa.string())).to_pylist() == expected


NUMBERS = st.one_of(
    st.none(), st.from_regex(r"\+?[0-9 ()-]{3,18}", fullmatch=True), st.text(max_size=12)
)


@given(st.lists(st.tuples(NUMBERS, st.sampled_from([None, "GB", "US", "DE", "??"])), max_size=20))
def test_many_phones_at_once_are_as_one_by_one(rows: list[tuple[str | None, str | None]]) -> None:
    numbers = pa.array([number for number, _ in rows], pa.string())
    countries = pa.array([country for _, country in rows], pa.string())
    expected = [None if n is None else normal_phone(n, c) for n, c in rows]
    assert normalise_phones(numbers, countries).to_pylist() == expected
    in_britain = [None if n is None else normal_phone(n, "GB") for n, _ in rows]
    assert normalise_phones(numbers, "GB").to_pylist() == in_britain


@given(st.emails() | st.text(max_size=40))
def test_a_normal_form_is_its_own_normal_form(text: str) -> None:
    once = normal_email(text)
    assert once is None or normal_email(once) == once

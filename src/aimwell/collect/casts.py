"""Expressions that turn the text of a field into its type; null where the text has no such form."""

from __future__ import annotations

from sqlglot import exp

from aimwell.collect.date_forms import DAY_MONTH
from aimwell.collect.evidence import ISO, OFFSET, NumberForm, TimeForm
from aimwell.collect.null_texts import is_one_of
from aimwell.store.sql import column, sql

__all__ = [
    "currency_value",
    "handle_value",
    "is_ambiguous",
    "is_shortened",
    "number_value",
    "rate_value",
    "time_value",
    "whole_value",
    "yes_or_no",
]

_MINUS = "\u2212"
_NUMBER = (
    rf"\(?[-+{_MINUS}]? ?([£$€¥₹]|[A-Z]{{3}} ?)?[-+]?[0-9][0-9.,'’ \x{{a0}}]*"
    r"( ?([£$€¥₹]|[A-Z]{3}))?\)?-?"
)
_YES = ("true", "t", "yes", "y", "1", "1.0", "on", "granted", "subscribed", "opted in", "opt-in")
_NO = ("false", "f", "no", "n", "0", "0.0", "off", "denied", "unsubscribed", "opted out", "opt-out")


def whole_value(name: str, *, whole: bool) -> exp.Expr:
    """An id; `17850.0` is 17850 where the whole column is so."""
    x = column(name)
    return sql("left(:x, length(:x) - 2)", x=x) if whole else x


def is_shortened(name: str) -> exp.Expr:
    """Whether an id is a number that a spreadsheet has rounded, as 1.23457E+18."""
    return sql(
        """
        CASE WHEN contains(:x, '+') THEN regexp_full_match(:x, '[0-9][.][0-9]+[eE][+][0-9]{2}')
             ELSE FALSE END
        """,
        x=column(name),
    )


def currency_value(name: str) -> exp.Expr:
    """A currency in capitals."""
    return sql(
        "CASE WHEN regexp_full_match(upper(:x), '[A-Z]{3}') THEN upper(:x) END", x=column(name)
    )


def time_value(name: str, form: TimeForm, timezone: str) -> exp.Expr:
    """A time in UTC; one without an offset is local to `timezone`."""
    x = column(name)
    local = sql("TRY_CAST(:x AS timestamp)", x=x)
    if form.plain == "zulu":
        return sql("TRY_CAST(:x AS timestamptz)", x=x)
    if form.plain == "iso":
        return _in_zone(local, timezone)
    attempts: list[exp.Expr] = []
    for one in form.forms:
        if one == "iso":
            attempts.append(
                _in_zone(
                    sql("CASE WHEN regexp_full_match(:x, :iso) THEN :t END", x=x, iso=ISO, t=local),
                    timezone,
                )
            )
            attempts.append(
                sql(
                    "CASE WHEN regexp_full_match(:x, :o) THEN TRY_CAST(:bare AS timestamptz) END",
                    x=x,
                    o=OFFSET,
                    # The engine reads a sign only right behind the time.
                    bare=sql("regexp_replace(:x, ' ([-+Zz])', '\\1')", x=x),
                )
            )
        elif one in ("epoch", "epoch_ms"):
            unit = 1 if one == "epoch" else 1000
            attempts.append(
                sql(
                    """
                    CASE WHEN regexp_full_match(:x, '-?[0-9]{1,13}([.][0-9]+)?')
                         THEN to_timestamp(TRY_CAST(:x AS double) / :unit) END
                    """,
                    x=x,
                    unit=unit,
                )
            )
    patterns = [one for one in form.forms if "%" in one]
    if patterns:
        listed = exp.Array(expressions=[exp.Literal.string(p) for p in patterns])
        parsed = exp.Anonymous(this="try_strptime", expressions=[x, listed])
        attempts.append(_in_zone(parsed, timezone))
    value = (
        attempts[0]
        if len(attempts) == 1
        else exp.Coalesce(this=attempts[0], expressions=attempts[1:])
    )
    if form.ambiguous:
        return sql("CASE WHEN NOT :either THEN :value END", either=is_ambiguous(name), value=value)
    return value


def _in_zone(value: exp.Expr, timezone: str) -> exp.Expr:
    if timezone == "UTC":
        return sql("CAST(:value AS timestamptz)", value=value)
    return exp.Anonymous(this="timezone", expressions=[exp.Literal.string(timezone), value])


def is_ambiguous(name: str) -> exp.Expr:
    """Whether a date could be day first or month first."""
    return sql(
        """
        coalesce(regexp_matches(:x, :form)
                 AND TRY_CAST(regexp_extract(:x, :form, 1) AS integer) <= 12
                 AND TRY_CAST(regexp_extract(:x, :form, 2) AS integer) <= 12
                 AND TRY_CAST(regexp_extract(:x, :form, 1) AS integer)
                     <> TRY_CAST(regexp_extract(:x, :form, 2) AS integer), FALSE)
        """,
        x=column(name),
        form=DAY_MONTH,
    )


def number_value(name: str, form: NumberForm) -> exp.Expr:
    """A number with four decimals: 12.5, 1,234.50, £3, (12.00), 5-; the marks as the column has them."""
    x = column(name)
    plain = sql("TRY_CAST(:x AS decimal(18, 4))", x=x)
    if form.plain:
        return plain
    digits = sql("regexp_replace(:x, '[^0-9.,]', '', 'g')", x=x)
    if form.decimal == ",":
        digits = sql("translate(:digits, '.,', ',.')", digits=digits)
    value = sql(
        """
        CASE WHEN regexp_full_match(:x, :number)
              AND regexp_full_match(:digits, '([0-9]{1,3}(,[0-9]{3})+|[0-9]+)([.][0-9]*)?')
             THEN TRY_CAST(replace(:digits, ',', '') AS decimal(18, 4))
                  * CASE WHEN regexp_matches(:x, :minus) THEN -1 ELSE 1 END END
        """,
        x=x,
        digits=digits,
        number=_NUMBER,
        minus=f"[-({_MINUS}]",
    )
    value = sql("CAST(:value AS decimal(18, 4))", value=value)
    return (
        value if form.decimal == "," else sql("coalesce(:plain, :value)", plain=plain, value=value)
    )


def rate_value(name: str, form: NumberForm) -> exp.Expr:
    """A number with as many decimals as it has, infinite where it is too large for any column.

    Thousands are not grouped in rates: 0,857 is never 857.
    """
    x = column(name)
    pointed = sql("replace(:x, ',', '.')", x=x) if form.decimal == "," else x
    value = sql("TRY_CAST(:pointed AS double)", pointed=pointed)
    if form.plain:
        return value
    return sql(
        """
        CASE WHEN regexp_full_match(:pointed, :form) THEN coalesce(:value, :beyond)
             WHEN regexp_full_match(lower(:x), '[+]?(inf|infinity|∞)') THEN :beyond END
        """,
        x=x,
        pointed=pointed,
        form="[-+]?[0-9]+([.][0-9]+)?([eE][-+]?[0-9]{1,5})?",
        value=value,
        beyond=sql("CAST('infinity' AS double)"),
    )


def handle_value(name: str) -> exp.Expr:
    """A name in a social network, without its @ and in lower case, as networks compare them."""
    return sql("nullif(lower(ltrim(:x, '@')), '')", x=column(name))


def yes_or_no(name: str) -> exp.Expr:
    """A consent as true or false; null where the text is neither."""
    low = sql("lower(:x)", x=column(name))
    return sql(
        "CASE WHEN :yes THEN TRUE WHEN :no THEN FALSE END",
        yes=is_one_of(low, _YES),
        no=is_one_of(low, _NO),
    )

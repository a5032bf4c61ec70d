"""Numbers as a reader sees them: money by currency, percentages, counts, spans of time. English forms."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from aimwell.stats.estimate import Estimate

__all__ = [
    "MINUS",
    "count",
    "count_of",
    "date_words",
    "days_words",
    "minute_words",
    "money",
    "money_interval",
    "number",
    "percent",
    "places_for",
    "points",
    "points_interval",
    "ratio",
    "signed_number",
]

MINUS = "\N{MINUS SIGN}"
_THIN = "\N{NO-BREAK SPACE}"

_SYMBOLS = {
    "GBP": "£", "USD": "$", "EUR": "€", "JPY": "¥", "CNY": "CN¥", "INR": "₹", "KRW": "₩", "BRL": "R$",
    "CAD": "CA$", "AUD": "A$", "NZD": "NZ$", "HKD": "HK$", "SGD": "S$", "MXN": "MX$", "TWD": "NT$",
    "ILS": "₪", "TRY": "₺", "UAH": "₴", "NGN": "₦", "VND": "₫", "PHP": "₱", "THB": "฿",
}  # fmt: skip
_WHOLE = {"JPY", "KRW", "VND", "CLP", "ISK", "PYG", "UGX", "XAF", "XOF", "XPF", "RWF", "KMF", "GNF"}


def places_for(amounts: Sequence[float | None], currency: str) -> int:
    """Decimal places that suit amounts shown together: none from 100 on, else the currency's."""
    if currency in _WHOLE:
        return 0
    largest = max((abs(amount) for amount in amounts if amount is not None), default=0.0)
    return 0 if largest >= 99.995 else 2


def money(amount: float, currency: str, places: int | None = None) -> str:
    """The amount with its currency, as '£1,234', '−£0.40', 'CHF 12.00'.

    Args:
        amount: In `currency`.
        currency: ISO 4217 code; where it has no well-known sign the code itself is shown.
        places: Decimal places; None: what suits the amount.
    """
    sign, figure = _signed(amount, places_for([amount], currency) if places is None else places)
    symbol = _SYMBOLS.get(currency)
    return f"{sign}{symbol}{figure}" if symbol else f"{sign}{currency}{_THIN}{figure}"


def money_interval(estimate: Estimate, currency: str, *, joined: str = " to ") -> str:
    """Both bounds of an estimate that is there, as '−£40 to £660'."""
    assert estimate.lower is not None and estimate.upper is not None  # noqa: S101, PT018
    places = places_for([estimate.estimate, estimate.lower, estimate.upper], currency)
    return f"{money(estimate.lower, currency, places)}{joined}{money(estimate.upper, currency, places)}"


def percent(value: float, places: int | None = None) -> str:
    """A percentage (5.0 is five per cent), as '5.0%'."""
    sign, figure = _signed(value, _percent_places(value) if places is None else places)
    return f"{sign}{figure}%"


def points(value: float, places: int | None = None) -> str:
    """A difference of percentages, with its sign, as '+1.2 points'."""
    sign, figure = _signed(value, _percent_places(value) if places is None else places)
    plus = "+" if not sign and float(figure.replace(",", "")) else ""
    return f"{sign or plus}{figure} points"


def points_interval(lower: float, upper: float) -> str:
    """Both bounds of a difference of percentages, with the same places, as '−0.4 to +8.9 points'."""
    places = 1 if max(abs(lower), abs(upper)) >= 0.95 else 2
    return f"{points(lower, places).removesuffix(' points')} to {points(upper, places)}"


def ratio(value: float) -> str:
    """A ratio, as '3.2'."""
    sign, figure = _signed(value, 2 if abs(value) < 9.995 else 1)
    return f"{sign}{figure}"


def count(value: int) -> str:
    """A whole number, as '12,345'."""
    return f"{value:,}"


def number(value: float) -> str:
    """A number of no special kind, with the digits that matter."""
    places = 0 if abs(value) >= 1000 else 2 if abs(value) >= 1 else 4
    sign, figure = _signed(value, places)
    return f"{sign}{figure}"


def count_of(value: int, one: str, many: str) -> str:
    """So many of something, as '1 person' or '1,234 people'."""
    return f"{count(value)} {one if value == 1 else many}"


def signed_number(value: float, places: int = 2) -> str:
    """A difference of no special unit, with its sign, as '+1,234.50' or '−0.30'; what rounds to nothing has none."""
    sign, figure = _signed(value, places)
    plus = "+" if value > 0 and any(digit in figure for digit in "123456789") else ""
    return f"{sign or plus}{figure}"


def date_words(moment: datetime, timezone: str) -> str:
    """The day that a moment falls on in a time zone, as '1 September 2011'."""
    local = moment.astimezone(ZoneInfo(timezone))
    return f"{local.day} {local:%B %Y}"


def minute_words(moment: datetime, timezone: str) -> str:
    """A moment in a time zone, to the minute, as '1 September 2011, 09:30 (Europe/London)'."""
    return f"{date_words(moment, timezone)}, {moment.astimezone(ZoneInfo(timezone)):%H:%M} ({timezone})"


def days_words(days: float) -> str:
    """A span, as '14 days' or '1 day'; under two days in hours."""
    if days < 2 and days != 1:
        hours = round(days * 24)
        return f"{hours} hour{'' if hours == 1 else 's'}"
    figure = f"{days:.1f}".removesuffix(".0")
    return f"{figure} day{'' if figure == '1' else 's'}"


def _percent_places(value: float) -> int:
    return 1 if abs(value) >= 0.95 or value == 0 else 2


def _signed(value: float, places: int) -> tuple[str, str]:
    """The sign and the rounded figure; what rounds to nothing has no sign."""
    figure = f"{abs(value):,.{places}f}"
    negative = value < 0 and any(digit in figure for digit in "123456789")
    return (MINUS if negative else ""), figure

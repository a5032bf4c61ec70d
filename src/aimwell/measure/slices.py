"""Key figures of many campaigns at once, by campaign, channel, offer, action, variant, audience, month, occasion or segment.

A slice is made of cells: one action of one plan, or one content variant of it. Counts of a slice are sums of its cells'.
What sending *caused* is summed over whole plans, as their estimates are independent of each other; several actions of one
plan share its held-out people, so a part of a plan that is more than one cell has no sum.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from aimwell.measure.formulas import cost_of_each, share_of
from aimwell.measure.model import Unit
from aimwell.measure.pieces import Piece, SlicedBy, added_counts
from aimwell.stats.estimate import Estimate, Figure
from aimwell.stats.together import together

__all__ = ["FIGURES", "Slice", "SliceFigure", "slices"]

FIGURES: Mapping[str, tuple[str, Unit, str]] = {
    "delivery_rate": ("Delivered", "percent", "(sent − bounced) ÷ sent × 100"),
    "open_rate": ("Opened by people", "percent", "messages opened by a person ÷ delivered × 100"),
    "open_rate_machine": ("Opened by machines", "percent", "messages opened by machines alone ÷ delivered × 100"),
    "click_rate": ("Clicked by people", "percent", "messages clicked by a person ÷ delivered × 100"),
    "click_rate_machine": ("Clicked by machines", "percent", "messages clicked by machines alone ÷ delivered × 100"),
    "click_to_open_rate": ("Clicked of those opened", "percent", "messages clicked by a person ÷ messages opened or clicked by a person × 100"),
    "unsubscribe_rate": ("Unsubscribed", "percent", "messages after which somebody unsubscribed ÷ delivered × 100"),
    "complaint_rate": ("Complained", "percent", "messages called spam ÷ delivered × 100"),
    "share_rate": ("Shared", "percent", "messages passed on ÷ delivered × 100"),
    "conversion_rate": ("Converted", "percent", "targeted people with the goal's event in the window ÷ targeted people × 100"),
    "orders": ("Orders", "orders", "orders of targeted people in the window"),
    "revenue": ("Revenue", "money", "revenue of targeted people in the window, less returns in it"),
    "margin": ("Margin", "money", "what the goods earned, less what offers cost"),
    "cost": ("Cost of contact", "money", "cost of the messages sent"),
    "discount": ("Given away", "money", "cost of redemptions that revenue does not show"),
    "return_on_ad_spend": ("Return on ad spend", "ratio", "revenue ÷ cost"),
    "incremental_revenue": ("Revenue added", "money", "(revenue per contacted − per held-out person) × contacted people"),
    "incremental_profit": ("Profit added", "money", "incremental margin − cost of contact"),
    "return_on_investment": ("Return on investment", "percent", "profit added ÷ (cost of contact + given away) × 100"),
    "cost_per_incremental_order": ("Cost of an added order", "money", "(cost of contact + given away) ÷ orders added"),
}  # fmt: skip
"""Key → label, unit, formula; in the order in which they are shown."""

_SHARES = {
    "open_rate": "opened",
    "open_rate_machine": "opened_machine",
    "click_rate": "clicked",
    "click_rate_machine": "clicked_machine",
    "unsubscribe_rate": "unsubscribed",
}
_REPORTED = {"complaint_rate": "complained", "share_rate": "shared"}
_CAUSED = "sum over plans of the difference from the held-out"


@dataclass(frozen=True, kw_only=True)
class SliceFigure:
    """One figure of one slice: the value or why there is none, and its interval where there is one."""

    key: str
    value: Figure
    interval: Estimate | None = None


@dataclass(frozen=True, kw_only=True)
class Slice:
    """One slice with all its figures, in the order of FIGURES."""

    name: str
    plans: int
    people: int
    sent: int
    figures: tuple[SliceFigure, ...] = field(default=())

    def figure(self, key: str) -> SliceFigure:
        """One figure by its key."""
        return next(one for one in self.figures if one.key == key)


def slices(pieces: Sequence[Piece], by: SlicedBy) -> tuple[Slice, ...]:
    """The figures of each slice, in the order of the slices' names."""
    names = sorted({piece.place(by) for piece in pieces})
    reported = {
        key: any(piece.hits.get(name, 0) for piece in pieces) for key, name in _REPORTED.items()
    }
    return tuple(
        _slice(name, [piece for piece in pieces if piece.place(by) == name], reported)
        for name in names
    )


def _slice(name: str, pieces: Sequence[Piece], reported: Mapping[str, bool]) -> Slice:
    hits = added_counts([piece.hits for piece in pieces])
    sent = hits.get("sent", 0)
    made: dict[str, SliceFigure] = {}
    for figure in [*_rates(hits, reported), *_outcomes(pieces), *_caused(pieces)]:
        made[figure.key] = figure
    return Slice(
        name=name,
        plans=len({piece.plan_id for piece in pieces}),
        people=sum(piece.people for piece in pieces),
        sent=sent,
        figures=tuple(made[key] for key in FIGURES),
    )


def _rates(hits: Mapping[str, int], reported: Mapping[str, bool]) -> list[SliceFigure]:
    sent = hits.get("sent", 0)
    delivered = max(sent - hits.get("bounced", 0), 0)
    found = [_share("delivery_rate", delivered, sent, "nothing was sent")]
    for key, name in _SHARES.items():
        found.append(_share(key, hits.get(name, 0), delivered, "nothing was delivered"))
    for key, name in _REPORTED.items():
        found.append(
            _share(key, hits.get(name, 0), delivered, "nothing was delivered")
            if reported[key]
            else SliceFigure(
                key=key,
                value=Figure(
                    value=None, reason="nobody reports it: a provider must, through its events"
                ),
            )
        )
    engaged = hits.get("engaged", 0)
    found.append(
        _share("click_to_open_rate", hits.get("clicked", 0), engaged, "no person opened or clicked")
    )
    return found


def _share(key: str, done: int, of: int, why: str) -> SliceFigure:
    value, interval = share_of(done, of, why)
    return SliceFigure(key=key, value=value, interval=interval)


def _outcomes(pieces: Sequence[Piece]) -> list[SliceFigure]:
    people = sum(piece.people for piece in pieces)
    cost = sum(piece.cost for piece in pieces)
    revenue = sum(piece.revenue for piece in pieces)
    margins = [piece.margin for piece in pieces]
    discount = _discount(pieces)
    return [
        _share(
            "conversion_rate",
            sum(piece.converted for piece in pieces),
            people,
            "nobody was targeted",
        ),
        SliceFigure(key="orders", value=Figure(value=sum(piece.orders for piece in pieces))),
        SliceFigure(key="revenue", value=Figure(value=revenue)),
        SliceFigure(
            key="margin",
            value=Figure(value=None, reason="the margin of some goods is unknown")
            if any(one is None for one in margins)
            else Figure(value=sum(one or 0.0 for one in margins)),
        ),
        SliceFigure(key="cost", value=Figure(value=cost)),
        SliceFigure(
            key="discount",
            value=Figure(value=None, reason="it is known of each plan as a whole only")
            if discount is None
            else Figure(value=discount),
        ),
        SliceFigure(
            key="return_on_ad_spend",
            value=Figure(value=revenue / cost)
            if cost > 0
            else Figure(value=None, reason="contact cost nothing"),
        ),
    ]


def _plans(pieces: Sequence[Piece]) -> list[tuple[list[Piece], bool]]:
    """The pieces of each plan, and whether they are all that it has."""
    found: dict[str, list[Piece]] = {}
    for piece in pieces:
        found.setdefault(piece.plan_id, []).append(piece)
    return [(mine, len(mine) == mine[0].of_plan) for mine in found.values()]


def _discount(pieces: Sequence[Piece]) -> float | None:
    plans = _plans(pieces)
    if not all(whole for _mine, whole in plans):
        return None
    return sum(mine[0].plan_discount for mine, _whole in plans)


def _caused(pieces: Sequence[Piece]) -> list[SliceFigure]:
    revenue = _summed(pieces, lambda piece: piece.plan_revenue, None)
    orders = _summed(pieces, lambda piece: piece.plan_orders, None)
    profit = _summed(pieces, lambda piece: piece.plan_profit, _profits)
    discount = _discount(pieces)
    spent = None if discount is None else discount + sum(piece.cost for piece in pieces)
    if spent is None:
        back = each = Estimate.missing(
            "what was given away is known of whole plans only", method=_CAUSED
        )
    elif spent <= 0:
        back = each = Estimate.missing("it cost nothing", method=_CAUSED)
    else:
        back, each = (
            profit.times(100.0 / spent),
            cost_of_each(spent, orders, what="any order", method=orders.method),
        )
    named = {
        "incremental_revenue": revenue,
        "incremental_profit": profit,
        "return_on_investment": back,
        "cost_per_incremental_order": each,
    }
    return [_estimated(key, one) for key, one in named.items()]


def _estimated(key: str, one: Estimate) -> SliceFigure:
    value = Figure(value=one.estimate, reason=one.reason)
    return SliceFigure(key=key, value=value, interval=one if one.defined else None)


def _profits(pieces: Sequence[Piece]) -> list[Estimate] | None:
    """What a part of a plan added, of each action that it holds; None where an action is neither whole nor one piece, and where several
    actions were compared with the same held-out people: each has its own only among those for whom it was chosen."""
    by_action: dict[str, list[Piece]] = {}
    for piece in pieces:
        by_action.setdefault(piece.action, []).append(piece)
    if len(by_action) > 1 and not all(piece.chosen for piece in pieces):
        return None
    found = []
    for mine in by_action.values():
        first = mine[0]
        if len(mine) == first.of_action and first.action_profit is not None:
            found.append(first.action_profit)
        elif len(mine) == 1:
            found.append(first.profit)
        else:
            return None
    return found


def _summed(
    pieces: Sequence[Piece],
    of_plan: Callable[[Piece], Estimate],
    of_pieces: Callable[[Sequence[Piece]], list[Estimate] | None] | None,
) -> Estimate:
    """Summed over plans; missing where one of them lacks it, as a sum without it would be another figure."""
    parts: list[Estimate] = []
    for mine, whole in _plans(pieces):
        if whole:
            parts.append(of_plan(mine[0]))
        elif of_pieces is not None and (some := of_pieces(mine)) is not None:
            parts.extend(some)
        else:
            why = (
                "it is measured of whole plans only"
                if of_pieces is None
                else "several of its actions share one held-out group, so their estimates do not add up"
            )
            return Estimate.missing(why, method=_CAUSED)
    lacking = next((one for one in parts if not one.defined), None)
    if lacking is not None:
        return Estimate.missing(lacking.reason or "a plan lacks it", method=_CAUSED)
    return parts[0] if len(parts) == 1 else together(parts)

"""The card of one version as a page: what it predicts, how good it is beside duller rules, what it looks at, how it has done since,
whom to ask. Self-contained, for a screen, a telephone and paper."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from markupsafe import Markup

from aimwell.errors import AimwellError
from aimwell.pages.calibration_chart import predicted_and_actual
from aimwell.pages.charts import bar
from aimwell.pages.sections import Section, sections_page
from aimwell.predict.card_propensity import chosen_candidate
from aimwell.predict.cards import model_card
from aimwell.predict.care.fairness import Fairness, fairness
from aimwell.predict.care.model import Monitored
from aimwell.predict.care.service import monitor
from aimwell.predict.care.words import realised_words
from aimwell.predict.effects import Effect, effects
from aimwell.predict.registry import Promotion, RegisteredModel, find_model, promotions
from aimwell.segment.validity.words import proxy_words
from aimwell.store.stores import Stores

__all__ = ["CardFacts", "card_facts", "card_html", "card_sections"]

FoundT = TypeVar("FoundT")

_FEATURES, _SHIFTS = 10, 12
_TENTHS = 10
_BAR = {1: "draw"}
_KINDS = {
    "propensity": "Propensity",
    "lifetime_value": "Lifetime value",
    "churn": "Churn",
    "subscription_churn": "Endings of subscriptions",
    "spend": "Spend",
    "next_purchase": "Next purchase",
    "next_purchase_network": "Next purchase by a network",
    "recommender": "Recommendations",
    "channel_preference": "Channel preference",
    "discount_seeking": "Discount seeking",
    "account_leads": "Leads among firms",
    "best_time": "Best times",
    "demand": "Demand",
}


@dataclass(frozen=True)
class CardFacts:
    """What a card's page tells beyond the registry's row; texts say why a part is not there.

    Args:
        card: As `model_card` gives it.
        effects: What it makes of its strongest features.
        since: How it has done since.
        groups: Outcomes by protected attribute.
        used: Which versions of the name were used from when on, by whom and why.
        in_use: The version that the name means now.
    """

    card: Mapping[str, Any]
    effects: tuple[Effect, ...] | str
    since: Monitored | str
    groups: Fairness | str
    used: tuple[Promotion, ...]
    in_use: str


def card_facts(stores: Stores, entry: RegisteredModel, *, as_of: datetime) -> CardFacts:
    """Everything that the page tells.

    Args:
        stores: The workspace.
        entry: The version.
        as_of: How it has done since is told as of this moment.

    Raises:
        AimwellError: What another time will mend, as a database that cannot be reached.
    """
    return CardFacts(
        card=model_card(entry, timezone=stores.settings.timezone),
        effects=_or_why(lambda: effects(stores, entry, as_of=entry.as_of)),
        since=_or_why(lambda: monitor(stores, entry, as_of=as_of)),
        groups=_or_why(lambda: fairness(stores, entry, as_of=as_of)),
        used=promotions(stores, entry.name),
        in_use=find_model(stores, entry.name).label,
    )


def card_html(stores: Stores, entry: RegisteredModel, *, as_of: datetime, now: datetime) -> str:
    """The page as text. Arguments as `card_facts`; `now`: when it is made."""
    facts = card_facts(stores, entry, as_of=as_of)
    zone = ZoneInfo(stores.settings.timezone)
    used = facts.in_use == entry.label
    return sections_page(
        eyebrow=f"Model card · {_KINDS.get(entry.kind, entry.kind.replace('_', ' '))}",
        title=entry.label,
        meta=f"Seen until {_day(entry.as_of, zone)} · trained {_day(entry.trained_at, zone)} · "
        + ("in use" if used else f"{facts.in_use} is in use"),
        badge=_badge(facts.since),
        verdict=_tone(facts.since),
        sentence=str(facts.card["sentence"]),
        sections=card_sections(facts, zone),
        made=f"{now.astimezone(zone):%-d %B %Y, %H:%M}",
    )


def card_sections(facts: CardFacts, zone: ZoneInfo) -> list[Section]:
    """The boxes of the page, those that have something to tell."""
    card = facts.card
    found = [
        Section("What it predicts", str(card["predicts"]), lines=card["learnt_from"]),
        _candidates(card),
        Section("How good it is", "On later time than it has learnt from.", lines=card["how_good"]),
        *_calibration(card),
        *_tenths(card),
        *_features(card),
        *_effects(facts.effects),
        *_groups(facts.groups),
        _since(facts.since, zone),
        Section("Beware", lines=card["caveats"]),
        _versions(facts, zone),
        _made(card),
    ]
    return [
        one
        for one in found
        if one is not None and (one.rows or one.lines or one.drawing or one.cards)
    ]


def _candidates(card: Mapping[str, Any]) -> Section | None:
    """Ways that were tried, the dullest first, where they are probabilities of one event."""
    rows = card["metrics"].get("candidates")
    if not rows:
        return None
    chosen = card["metrics"]["learner"]
    return Section(
        "Beside duller ways",
        "The simplest way first. Log loss: less is better; it is compared person by person, and the simplest way that is worse by "
        "no more than chance is taken.",
        head=("way", "AUC", "log loss", "worse than the best by", "predicted", "did it", ""),
        rows=[
            (
                one["learner"],
                _interval(one["later"]["auc"], ".3f"),
                f"{one['later']['log_loss']:.4f}",
                _interval(one["extra_loss"], ".4f") if one["extra_loss"]["estimate"] else "–",
                f"{one['later']['mean_predicted']:.1%}",
                f"{one['later']['base_rate']['estimate']:.1%}",
                "taken" if one["learner"] == chosen else "",
            )
            for one in rows
        ],
    )


def _calibration(card: Mapping[str, Any]) -> list[Section]:
    rows = card["calibration"]
    if not rows or "lower" not in rows[0]:
        return []
    soon = "within_days" in rows[0]
    if soon:
        dot, who = "a number of days", "The same people, by within how many days"
    else:
        dot = "a group of people of similar probability"
        who = "Groups of people by rising probability"
    drawing = predicted_and_actual(
        [(row["predicted"], row["actual"], row["lower"], row["upper"]) for row in rows],
        title="Predicted and actual",
        description=f"Each dot is {dot}; on the dashed line as many did it as was predicted.",
    )
    return [
        Section(
            "Does a probability mean what it says?",
            f"{who}: what was predicted (to the right) and the share that did it (upwards), with its interval of 95 %. On the dashed "
            "line both are the same.",
            drawing,
            head=("within" if soon else "people", "predicted", "did it", "95 %"),
            rows=[
                (
                    f"{row['within_days']} days" if soon else f"{row['people']:,}",
                    f"{row['predicted']:.1%}",
                    f"{row['actual']:.1%}",
                    f"{row['lower']:.1%} to {row['upper']:.1%}",
                )
                for row in rows
            ],
        )
    ]


def _tenths(card: Mapping[str, Any]) -> list[Section]:
    """Shares of those who did it by the likeliest people, where there are such figures."""
    if not card["metrics"].get("candidates"):
        return []
    tops = chosen_candidate(card["metrics"])["later"]["tops"]
    return [
        Section(
            "If you choose the likeliest",
            "What share of all who did it they hold; choosing by chance would hold the same share as that of the people.",
            head=("likeliest", "of all who did it", "", "did it", "times everybody's"),
            rows=[
                (
                    f"{one['share']:.0%} ({one['people']:,})",
                    bar(one["gain"]["value"] or 0.0, "sent"),
                    _share(one["gain"]["value"]),
                    f"{one['rate']:.1%}",
                    "–" if one["lift"]["value"] is None else f"{one['lift']['value']:.2f}",
                )
                for one in tops[:_TENTHS]
            ],
            css=_BAR,
        )
    ]


def _features(card: Mapping[str, Any]) -> list[Section]:
    rows = card["metrics"].get("features") or []
    if not rows:
        return []
    # Lines end in ": 8% of the difference it makes; …", after the words of the feature.
    told = [line.rpartition(": ")[0] for line in card["features"]]
    most = max(row["share"] for row in rows) or 1.0
    return [
        Section(
            "What tells people apart",
            "Share of the difference that each feature makes in the model. It describes the model; it is no cause.",
            head=("feature", "", "share", "more of it"),
            rows=[
                (
                    told[place] if place < len(told) else row["name"],
                    bar(row["share"] / most, "sent"),
                    f"{row['share']:.0%}",
                    _direction(row),
                )
                for place, row in enumerate(rows[:_FEATURES])
            ],
            css=_BAR,
            left=(3,),
        )
    ]


def _direction(row: Mapping[str, Any]) -> str:
    if "direction" not in row or row["direction"] is None:
        return "no plain direction"
    return "↑ likelier" if row["direction"] > 0 else "↓ less likely"


def _effects(found: tuple[Effect, ...] | str) -> list[Section]:
    if isinstance(found, str) or not found:
        return []
    most = max(
        [chance for one in found for _, chance, _ in one.points]
        + [one.without[0] for one in found if one.without is not None],
        default=1.0,
    )
    return [
        Section(
            "What it makes of the strongest features",
            f"The mean {found[0].expects} if everybody had this value and all else were as it is, and how many {found[0].units} really "
            "have about that value (in brackets). Where few do, little is known.",
            cards=[_effect(place, one, most or 1.0) for place, one in enumerate(found)],
            long=True,
        )
    ]


def _effect(place: int, one: Effect, most: float) -> dict[str, Any]:
    rows = [(_plain(value), chance, people) for value, chance, people in one.points]
    if one.without is not None:
        rows.append(("no value", *one.without))
    return {
        "number": place + 1,
        "css": "out",
        "title": one.name,
        "about": f"{one.words} ({one.unit}), {one.weight:.0%} of the difference",
        "traits": [
            (
                Markup("{}: <b>{}</b> <small>({})</small>").format(
                    value, _told(chance, one.money), f"{people:,}"
                ),
                bar(chance / most, "sent"),
            )
            for value, chance, people in rows
        ],
    }


def _groups(found: Fairness | str) -> list[Section]:
    if isinstance(found, str):
        return [Section("By group", lines=[found])]
    if found.reason is not None:
        return [Section("By group", lines=[found.reason])]
    return [
        Section(
            "By group",
            "Protected attributes are not looked at; whether the model is as right for one group as for another is. A difference of "
            "shares alone is no fault of the model.",
            head=(
                "group",
                found.units,
                found.did,
                "predicted",
                f"{found.did} less predicted",
                "AUC",
                "",
            ),
            rows=[
                (
                    f"{one.attribute}: {one.value}",
                    f"{one.people:,}",
                    _told(one.did_it.estimate or 0, found.money),
                    _told(one.predicted, found.money),
                    f"{_told(one.level.estimate or 0, found.money, '+')} ({_told(one.level.lower or 0, found.money, '+')} to "
                    f"{_told(one.level.upper or 0, found.money, '+')})",
                    "–" if one.auc.estimate is None else f"{one.auc.estimate:.3f}",
                    "uneven" if one.uneven else "",
                )
                for one in found.groups
            ],
            lines=[
                *(() if found.stand_in is None else (f"{found.model}: {found.stand_in}.",)),
                *(
                    f"Beware: {proxy_words(one)}"
                    for one in found.proxies
                    if one.verdict in ("proxy", "uneven")
                ),
            ],
        )
    ]


def _since(found: Monitored | str, zone: ZoneInfo) -> Section:
    if isinstance(found, str):
        return Section("Since then", lines=[found])
    lines = [*found.findings, realised_words(found, lambda moment: _day(moment, zone))]
    return Section(
        "Since then",
        f"{found.people:,} {found.units} as of {_day(found.as_of, zone)} against those of then: {found.verdict}. PSI from 0.1 on is "
        "noticeable, from 0.25 on large, if it is more than chance makes.",
        head=("what", "weight", "PSI", "by chance", "KS", "shift"),
        rows=[
            (
                one.name,
                "" if one.weight is None else f"{one.weight:.0%}",
                f"{one.drift.psi:.3f}",
                f"{one.drift.psi_by_chance:.3f}",
                "" if one.drift.ks is None else f"{one.drift.ks:.3f}",
                one.shift,
            )
            for one in found.shifts[:_SHIFTS]
        ],
        lines=lines,
    )


def _versions(facts: CardFacts, zone: ZoneInfo) -> Section:
    return Section(
        "Who uses it since when",
        f"The bare name means {facts.in_use} now.",
        head=("version", "since", "by", "why"),
        rows=[
            (f"{one.name}@{one.version}", _day(one.promoted_at, zone), one.promoted_by, one.reason)
            for one in facts.used
        ],
        left=(1, 2, 3),
        lines=() if facts.used else ("Nobody has promoted a version, so the newest is used.",),
    )


def _made(card: Mapping[str, Any]) -> Section:
    settings = ", ".join(
        f"{name} {value}" for name, value in card["settings"].items() if value is not None
    )
    versions = ", ".join(f"{name} {version}" for name, version in card["lake_versions"].items())
    return Section(
        "Made from",
        lines=[
            f"Asked: {settings}.",
            f"Code: Aimwell {card['metrics'].get('code', 'of an unknown version')}.",
            f"Versions of the data's tables: {versions}.",
            "The same data, settings and code give the same model, byte by byte.",
        ],
    )


def _or_why(find: Callable[[], FoundT]) -> FoundT | str:
    try:
        return find()
    except AimwellError as error:
        if error.retryable:
            raise
        return str(error)


def _badge(since: Monitored | str) -> str:
    return "not looked after" if isinstance(since, str) else since.verdict


def _tone(since: Monitored | str) -> str:
    if isinstance(since, str):
        return "unsure"
    tones = {"fine": "gain", "train it anew": "loss"}
    return tones.get(since.verdict, "unsure")


def _interval(row: Mapping[str, Any], form: str) -> str:
    if row["estimate"] is None:
        return "–"
    return f"{row['estimate']:{form}} ({row['lower']:{form}} to {row['upper']:{form}})"


def _told(value: float, money: bool, sign: str = "") -> str:
    return f"{value:{sign},.2f}" if money else f"{value:{sign}.1%}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def _plain(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"


def _day(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%-d %B %Y}"

"""Sections of the pages of score cards and look-alikes: points, what each attribute tells, how good it is, sizes."""

from __future__ import annotations

from markupsafe import Markup

from aimwell.pages.charts import bar
from aimwell.pages.model_charts import deviation
from aimwell.pages.sections import Section
from aimwell.segment.attributes.people_table import plain_name
from aimwell.segment.cards.look_alikes import LookAlikes
from aimwell.segment.cards.score_card import (
    AVERAGE_POINTS,
    DOUBLING_POINTS,
    ScoreCard,
    points_words,
)
from aimwell.segment.models.sections import lines_chart

__all__ = ["card_sections", "look_alike_sections"]

_POINTS_MOST = 60.0


def card_sections(card: ScoreCard) -> list[Section]:
    """What a card is made of and worth."""
    return [*_gains(card), _card(card), _weights(card), _bands(card)]


def look_alike_sections(model: LookAlikes) -> list[Section]:
    """How alike audiences of each size are, and what the likeness is made of."""
    sizes = model.sizes
    lines = [("likeness", "treated", [(one.share, one.similarity) for one in sizes])]
    found = [
        Section(
            "Size against likeness",
            "The more people are taken, the less alike they are. Likeness is 0.5 for an average member of the seed; the lift "
            "says how much commoner the seed is among people with so many points than among all.",
            lines_chart(
                lines,
                title="Likeness by the share of the others that is taken",
                description="The mean likeness of the audience falls as it grows.",
                percent=True,
            ),
            head=("share of the others", "people", "least points", "mean likeness", "lift"),
            rows=[
                (
                    f"{one.share:.0%}",
                    f"{one.people:,}",
                    one.points,
                    f"{one.similarity:.2f}",
                    "" if one.lift is None else f"{one.lift:.1f}\u00a0×",
                )
                for one in sizes
            ],
        )
    ]
    return [*found, *card_sections(model.card)]


def _gains(card: ScoreCard) -> list[Section]:
    tops = card.judged.tops
    if any(one.gain is None for one in tops):
        return []
    own = [(0.0, 0.0), *((one.share, one.gain or 0.0) for one in tops)]
    chance = [(0.0, 0.0), (1.0, 1.0)]
    return [
        Section(
            "Held-out lift",
            "Of those who did it, the share that is found when the people with most points are taken first; on people who "
            "taught the card nothing.",
            lines_chart(
                [("by points", "treated", own), ("at random", "control", chance)],
                title="Share found by share taken",
                description="By points, and at random.",
                percent=True,
            ),
            legend=(
                {"css": "treated", "name": "by points"},
                {"css": "control", "name": "at random"},
            ),
            head=("people with most points", "of them did it", "lift", "of all who did it"),
            rows=[
                (
                    f"{one.share:.0%} ({one.people:,})",
                    f"{one.rate:.1%}",
                    f"{one.lift or 0:.1f}\u00a0×",
                    f"{one.gain or 0:.0%}",
                )
                for one in tops
            ],
        )
    ]


def _card(card: ScoreCard) -> Section:
    rows: list[tuple[object, ...]] = []
    for one in card.attributes:
        for place, label in enumerate(one.bins.labels):
            if not one.shares[place]:
                continue
            points, rate = one.points[place], one.rates[place]
            rows.append(
                (
                    Markup("{} <small>{}</small>").format(_plain(one.bins.name), label),
                    deviation(points, "sent" if points >= 0 else "held", most=_POINTS_MOST),
                    points_words(points),
                    f"{one.shares[place]:.0%}",
                    "" if rate is None else f"{rate:.1%}",
                )
            )
    lead = (
        f"Begin with {card.base} points and add those of each row that fits. {AVERAGE_POINTS} points are the chance of an "
        f"average person ({card.rate:.1%}); {DOUBLING_POINTS} points more double the odds."
    )
    return Section(
        "The card",
        lead,
        head=("attribute", "", "points", "people", "of them did it"),
        rows=rows,
        css={1: "draw"},
        long=True,
    )


def _weights(card: ScoreCard) -> Section:
    most = max((one.information_value or 0.0 for one in card.told), default=0.0) or 1.0
    return Section(
        "What each attribute tells",
        "On people from whom nothing was learnt. Importance: the area under the ROC curve that the card loses when the "
        "attribute is shuffled. P-values are adjusted for looking at many.",
        head=(
            "attribute",
            "",
            "information value",
            "mutual information (bits)",
            "importance",
            "p-value",
            "in words",
            "on the card",
        ),
        rows=[
            (
                _plain(one.name),
                bar((one.information_value or 0.0) / most, "sent"),
                _figure(one.information_value, 3),
                _figure(one.mutual_information, 4),
                _figure(one.importance, 3),
                "" if one.p_value is None else f"{one.p_value:.2g}",
                one.words,
                "yes" if one.dropped is None else f"no: {one.dropped}",
            )
            for one in card.told
        ],
        css={1: "draw"},
        left=(6, 7),
        lines=[f"Of no use, since {why}" for why in card.useless],
        long=True,
    )


def _bands(card: ScoreCard) -> Section:
    return Section(
        "Points and what came of them",
        "The chance that the points stand for beside the share that did it, on people from whom nothing was learnt.",
        head=("points", "people", "expected", "did it", "95 % interval"),
        rows=[
            (
                f"{one.least} to {one.most}",
                f"{one.people:,}",
                f"{one.expected:.1%}",
                f"{one.actual:.1%}",
                f"{one.lower:.1%} to {one.upper:.1%}",
            )
            for one in card.judged.bands
        ],
    )


def _plain(column: str) -> str:
    return plain_name(column).replace("_", " ")


def _figure(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"

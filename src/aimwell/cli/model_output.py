"""What models of people have found, as the command line says it: words and tables, or JSON."""

from __future__ import annotations

from typing import Any

from aimwell.cli.advocacy import show_advocacy
from aimwell.cli.context import Opened
from aimwell.cli.micro import show_micro
from aimwell.segment.advocacy.model import Advocacy
from aimwell.segment.attributes.people_table import plain_name
from aimwell.segment.cards.look_alikes import LookAlikes
from aimwell.segment.cards.score_card import ScoreCard, points_words
from aimwell.segment.classes.model import ClassModel
from aimwell.segment.micro.service import MicroSegments
from aimwell.segment.models.built import Built

__all__ = ["model_document", "show_model"]


def show_model(ws: Opened, built: Built) -> None:
    """Tables of what was found."""
    found = built.model
    if isinstance(built.figures, MicroSegments):
        show_micro(ws, built.figures)
    elif isinstance(built.figures, Advocacy):
        show_advocacy(ws, built.figures)
    elif isinstance(found, ClassModel):
        for note in found.notes:
            ws.output.say(note)
        shares = found.fit.shares.tolist()
        ws.output.table(
            ["class", "of those who answered"],
            [(name, f"{share:.1%}") for name, share in zip(found.names, shares, strict=True)],
        )
    elif isinstance(found, LookAlikes):
        ws.output.table(
            ["share of the others", "people", "least points", "mean likeness", "lift"],
            [
                (
                    f"{one.share:.0%}",
                    one.people,
                    one.points,
                    f"{one.similarity:.2f}",
                    "" if one.lift is None else f"{one.lift:.1f}",
                )
                for one in found.sizes
            ],
        )
        _show_weights(ws, found.card)
    elif isinstance(found, ScoreCard):
        _show_card(ws, found)
        _show_weights(ws, found)


def _show_card(ws: Opened, card: ScoreCard) -> None:
    ws.output.say(
        f"Begin with {card.base} points; 500 are an average person's chance ({card.rate:.1%}), 20 more double the odds."
    )
    ws.output.table(
        ["attribute", "value", "points", "people"],
        [
            (plain_name(one.bins.name), label, points_words(points), f"{share:.0%}")
            for one in card.attributes
            for label, points, share in zip(one.bins.labels, one.points, one.shares, strict=True)
            if share
        ],
    )


def _show_weights(ws: Opened, card: ScoreCard) -> None:
    ws.output.table(
        ["attribute", "information value", "mutual information", "importance", "in words"],
        [
            (
                plain_name(one.name),
                "" if one.information_value is None else f"{one.information_value:.3f}",
                "" if one.mutual_information is None else f"{one.mutual_information:.4f}",
                "" if one.importance is None else f"{one.importance:z.3f}",
                one.words if one.dropped is None else f"{one.words}; left out: {one.dropped}",
            )
            for one in card.told
        ],
    )
    for why in card.useless:
        ws.output.note(f"Of no use, since {why}.")


def model_document(built: Built, published: int) -> dict[str, Any]:
    """The same for JSON."""
    found = built.model
    body: dict[str, Any] = {
        "name": built.definition.name,
        "type": built.definition.type,
        "version": built.version,
        "reason": built.reason,
        "people": 0 if built.people is None else built.people.num_rows,
        "published": published,
        "excluded": list(built.excluded),
    }
    if built.figures is not None:
        body |= {"figures": built.figures.to_dict()}
    elif isinstance(found, ClassModel):
        body |= {
            "classes": [
                {"name": name, "share": share}
                for name, share in zip(found.names, found.fit.shares.tolist(), strict=True)
            ],
            "entropy": found.entropy,
            "notes": list(found.notes),
            "candidates": [candidate.to_dict() for candidate in found.candidates],
        }
    elif isinstance(found, LookAlikes):
        body |= {"tells": found.tells, "sizes": found.sizes, "judged": found.card.judged}
        body["weights"] = found.card.weights
    elif isinstance(found, ScoreCard):
        body |= {"base": found.base, "judged": found.judged, "weights": found.weights}
        body["card"] = [
            {"attribute": one.bins.name, "values": one.bins.labels, "points": one.points}
            for one in found.attributes
        ]
    return body

"""The page of a model of people: what was found, how sure that is, pictures, and everything as tables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from aimwell.pages.sections import Section, sections_page
from aimwell.segment.advocacy.model import Advocacy
from aimwell.segment.advocacy.page import advocacy_html
from aimwell.segment.cards.look_alikes import LookAlikes
from aimwell.segment.cards.score_card import ScoreCard
from aimwell.segment.classes.model import ClassModel
from aimwell.segment.clusters.model import ClusterModel
from aimwell.segment.micro.page import micro_html
from aimwell.segment.micro.service import MicroSegments
from aimwell.segment.models.built import Built
from aimwell.segment.models.ranking_sections import card_sections, look_alike_sections
from aimwell.segment.models.sections import class_sections, cluster_sections

__all__ = ["model_html"]

_EYEBROWS: Mapping[str, str] = {
    "clusters": "Groups of people",
    "latent_classes": "Latent classes",
    "score_card": "Score card",
    "look_alikes": "Look-alikes",
    "micro_segments": "Micro-segments",
    "advocacy": "Advocacy",
}


def model_html(
    built: Built, *, as_of: datetime, now: datetime, timezone: str, currency: str
) -> str:
    """The whole page as text; the same findings give the same page."""
    if isinstance(built.figures, MicroSegments):
        return micro_html(built.figures, as_of=as_of, timezone=timezone, currency=currency)
    if isinstance(built.figures, Advocacy):
        return advocacy_html(built.figures, as_of=as_of, timezone=timezone)
    zone = ZoneInfo(timezone)
    sections, badge, verdict = _found(built)
    people = f" · {built.people.num_rows:,} people" if built.people is not None else ""
    return sections_page(
        eyebrow=_EYEBROWS[built.definition.type],
        title=built.definition.name,
        meta=f"As of {as_of.astimezone(zone):%-d %B %Y, %H:%M}{people} · {built.definition.people}",
        badge=badge,
        verdict=verdict,
        sentence=built.reason,
        sections=sections,
        made=f"{now.astimezone(zone):%-d %B %Y, %H:%M}",
    )


def _found(built: Built) -> tuple[list[Section], str, str]:
    model = built.model
    if isinstance(model, ClusterModel):
        return cluster_sections(model, built.sketch), f"{model.shape.number} groups", "gain"
    if isinstance(model, ClassModel):
        return class_sections(model), f"{len(model.names)} classes", "gain"
    if isinstance(model, ScoreCard):
        tells = model.judged.tells
        badge = "better than chance" if tells else "no better than chance"
        return card_sections(model), badge, "gain" if tells else "unsure"
    if isinstance(model, LookAlikes):
        badge = "can be told" if model.tells else "cannot be told from others"
        return look_alike_sections(model), badge, "gain" if model.tells else "unsure"
    return [], "nothing found", "unsure"

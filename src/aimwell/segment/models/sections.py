"""Sections of the page of groups: sizes, pictures, what sets each apart, how many there are, rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from aimwell.definitions.rule_text import write_rule
from aimwell.definitions.rules import LEAF_KINDS
from aimwell.pages.charts import Band, bar, growth, nice_ticks
from aimwell.pages.model_charts import deviation, group_css, points, tree
from aimwell.pages.sections import Section
from aimwell.segment.attributes.people_table import plain_name
from aimwell.segment.classes.model import ClassModel
from aimwell.segment.classes.typing_model import TypingModel
from aimwell.segment.clusters.model import ClusterModel, Sketch

__all__ = ["class_sections", "cluster_sections", "lines_chart"]

_TRAITS = 8
_DRAWN = {1: "draw"}


def cluster_sections(model: ClusterModel, sketch: Sketch | None) -> list[Section]:
    """What clusters are like."""
    found = [_sizes(model.names, model.shares, model.shape.number)]
    if sketch is not None:
        names = (
            plain_name(sketch.names[0]).replace("_", " "),
            plain_name(sketch.names[1]).replace("_", " "),
        )
        drawing = points(
            sketch.points,
            groups=model.shape.number,
            names=names,
            title=f"People by {names[0]} and {names[1]}",
            description="Each dot is a person, in the colour of the group; numbers stand at the middle of the groups.",
        )
        lead = f"Some of the people by the two features that tell the groups apart best: {names[0]} and {names[1]}."
        found.append(Section("Seen from above", lead, drawing))
    found.append(
        Section(
            "What sets each group apart",
            "How far the group's mean is from everybody's, in standard deviations: to the right above it, to the left "
            "below. The ends of the bars are two deviations.",
            cards=_cluster_cards(model),
            long=True,
        )
    )
    found += _numbers_of_groups(model)
    if model.dendrogram is not None:
        found.append(_dendrogram(model))
    if model.description is not None:
        found.append(
            Section(
                "As rules",
                model.description.sentence,
                head=("group", "rule", "right", "found"),
                rows=[
                    (
                        one.group,
                        Markup('<span class="rule">{}</span>').format(
                            write_rule(one.rule, LEAF_KINDS) if one.rule else "no rule leads there"
                        ),
                        _share(one.precision),
                        _share(one.recall),
                    )
                    for one in model.description.rules
                ],
                left=(1,),
                long=True,
            )
        )
    if model.preparation.dropped:
        lines = [f"{plain_name(name)}: {why}" for name, why in model.preparation.dropped.items()]
        found.append(Section("Left out", "Features that could only mislead.", lines=lines))
    return found


def class_sections(model: ClassModel) -> list[Section]:
    """What latent classes are like."""
    shares = [float(share) for share in model.fit.shares]
    found = [_sizes(model.names, shares, len(model.names))]
    if model.notes:
        found.append(Section("Beware, and others", lines=list(model.notes)))
    means = model.means
    if means is not None:
        overall = model.fit.shares @ means
        spread = np.sqrt(model.fit.shares @ (means - overall) ** 2)
        most = float(np.max(np.abs(means - overall))) or 1.0
        cards = [
            {
                "number": place + 1,
                "css": group_css(place, len(model.names)),
                "title": name,
                "about": f"{shares[place]:.0%} of those who answered",
                "traits": [
                    (
                        f"{model.items[item].name} {means[place, item]:.1f}",
                        deviation(
                            means[place, item] - overall[item],
                            group_css(place, len(model.names)),
                            most=most,
                        ),
                    )
                    for item in np.argsort(-spread, kind="stable")
                ],
            }
            for place, name in enumerate(model.names)
        ]
        lead = (
            "The mean answer of each class, and how far it is from everybody's: to the right above it, to the left below. "
            f"The ends of the bars are {most:.1f} points."
        )
        found.append(Section("How each class answers", lead, cards=cards, long=True))
    bics = [(one.number, one.bic) for one in model.candidates]
    if len(bics) > 2:
        drawing = lines_chart(
            [("Schwarz's criterion", "treated", bics)],
            title="Schwarz's criterion by the number of classes",
            description="Lower is better.",
        )
        found.append(
            Section(
                "How many classes",
                "Schwarz's criterion by the number of classes; lower is better.",
                drawing,
            )
        )
    found.append(
        Section(
            "Numbers of classes that were tried",
            head=(
                "classes",
                "BIC",
                "AIC",
                "entropy",
                "stability",
                "smallest",
                "not possible because",
            ),
            rows=[
                (
                    one.number,
                    f"{one.bic:,.0f}",
                    f"{one.aic:,.0f}",
                    _two(one.entropy),
                    _two(one.stability),
                    _share(one.smallest_share),
                    one.problem or "",
                )
                for one in model.candidates
            ],
            left=(6,),
        )
    )
    if isinstance(model.typing, TypingModel):
        found.append(
            Section(
                "How many of each class are placed rightly",
                "Cross-validated: each person was placed by a model that had not seen them.",
                head=("class", "placed rightly"),
                rows=[
                    (name, _share(recall))
                    for name, recall in zip(model.names, model.typing.recalls, strict=True)
                ],
            )
        )
    return found


def _sizes(names: Sequence[str], shares: Sequence[float], groups: int) -> Section:
    largest = max(shares) or 1.0
    rows = [
        (
            Markup('<b class="{}">{}</b> {}').format(
                group_css(place, groups), place + 1 if place < groups else "–", name
            ),
            bar(share / largest, group_css(place, groups)),
            f"{share:.1%}",
        )
        for place, (name, share) in enumerate(zip(names, shares, strict=True))
    ]
    return Section(
        "How large they are", head=("group", "", "share of people"), rows=rows, css=_DRAWN
    )


def _cluster_cards(model: ClusterModel) -> list[dict[str, Any]]:
    """Numbers by deviations, values of categories by how much commoner they are than on the whole."""
    numbers = len(model.preparation.columns)
    away = model.centroids.copy()
    weights = np.array(model.shares[: model.shape.number])
    overall = weights @ away[:, numbers:] / max(weights.sum(), 1e-12)
    away[:, numbers:] = (away[:, numbers:] - overall) / np.sqrt(
        np.maximum(overall * (1 - overall), 1e-9)
    )
    labels = [
        plain_name(label).replace("_", " ").replace("=", ": ") for label in model.preparation.labels
    ]
    return [
        {
            "number": place + 1,
            "css": group_css(place, model.shape.number),
            "title": model.names[place],
            "about": f"{model.shares[place]:.1%} of the people",
            "traits": [
                (labels[one], deviation(float(away[place, one]), group_css(place, len(away))))
                for one in np.argsort(-np.abs(away[place]), kind="stable")[:_TRAITS]
            ],
        }
        for place in range(model.shape.number)
    ]


def _numbers_of_groups(model: ClusterModel) -> list[Section]:
    tried = [one for one in model.candidates if one.silhouette is not None]
    found = []
    own = [(one.number, one.silhouette or 0.0) for one in tried]
    without = [
        (one.number, one.silhouette_without) for one in tried if one.silhouette_without is not None
    ]
    if len(own) > 2 and len(without) > 2:
        found.append(
            Section(
                "How many groups",
                "The silhouette by the number of groups: how much nearer people are to their own group than to the next "
                "one. Only what lies above that of made-up people without groups speaks for groups.",
                lines_chart(
                    [
                        ("these people", "treated", own),
                        ("people without groups", "control", without),
                    ],
                    title="Silhouette by the number of groups",
                    description="Of these people, and of made-up people without groups.",
                ),
                legend=(
                    {"css": "treated", "name": "these people"},
                    {"css": "control", "name": "made-up people without groups"},
                ),
            )
        )
    head = (
        "groups",
        "silhouette",
        "without groups",
        "stability",
        "smallest",
        "Calinski–Harabasz",
        "Davies–Bouldin",
        "between",
        "BIC",
        "not possible because",
    )
    rows = [
        (
            one.number,
            _two(one.silhouette),
            _two(one.silhouette_without),
            _two(one.stability),
            _share(one.smallest_share),
            "" if one.calinski_harabasz is None else f"{one.calinski_harabasz:,.0f}",
            _two(one.davies_bouldin),
            _share(one.between),
            "" if one.bic is None else f"{one.bic:,.0f}",
            one.problem or "",
        )
        for one in model.candidates
    ]
    lead = (
        "The first four decide. Calinski–Harabasz: higher is better; Davies–Bouldin and BIC: lower; between: share of the "
        "variance between groups."
    )
    shown = [place for place in range(len(head)) if any(row[place] != "" for row in rows)]
    found.append(
        Section(
            "Numbers of groups that were tried",
            lead,
            head=[head[place] for place in shown],
            rows=[[row[place] for place in shown] for row in rows],
            left=(shown.index(9),) if 9 in shown else (),
        )
    )
    return found


def _dendrogram(model: ClusterModel) -> Section:
    assert model.dendrogram is not None  # noqa: S101 - whoever calls has looked
    joins, groups = model.dendrogram.joins, model.shape.number
    cut = (joins[-groups][2] + joins[1 - groups][2]) / 2 if 2 <= groups <= len(joins) else None
    return Section(
        "The tree",
        "Branches that join low are alike. The numbers at the foot are people of the sample; the dashed line cuts the tree "
        f"into the {groups} groups.",
        tree(
            model.dendrogram.sizes,
            joins,
            cut=cut,
            title="Dendrogram",
            description=f"The last {len(joins)} joins of Ward's tree.",
        ),
    )


def lines_chart(
    lines: Sequence[tuple[str, str, Sequence[tuple[float, float]]]],
    *,
    title: str,
    description: str,
    percent: bool = False,
) -> Markup:
    """Lines of (x, y) with a scale that holds them all; x in shares of 1 where `percent`."""
    ys = [y for _name, _css, line in lines for _x, y in line]
    xs = [x for _name, _css, line in lines for x, _y in line]
    ticks = nice_ticks(min(ys), max(ys))
    start = 0.0 if percent else min(xs)
    bands = [
        Band(name, css, tuple((x - start, y, y, y) for x, y in line)) for name, css, line in lines
    ]
    if percent:
        labels = [(share, f"{share:.0%}") for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    else:
        labels = [(x - start, f"{x:.0f}") for x in sorted(set(xs))]
    return growth(
        bands,
        x_max=max(xs) - start,
        x_labels=labels,
        y_labels=[(tick, f"{tick:,.6g}") for tick in ticks],
        title=title,
        description=description,
    )


def _two(figure: float | None) -> str:
    return "" if figure is None else f"{figure:.2f}"


def _share(figure: float | None) -> str:
    return "" if figure is None else f"{figure:.0%}"

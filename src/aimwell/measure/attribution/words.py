"""What an attribution means and does not mean, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aimwell.measure.attribution.crediting import Credited, HazardJudged
from aimwell.measure.attribution.model import ChannelCredit, Incremental
from aimwell.measure.attribution.reading import OTHERS, PathsRead
from aimwell.measure.formatting import count, number, percent
from aimwell.stats.estimate import Estimate

__all__ = ["beside", "caveats", "disagreement", "notes"]

_GAIN_LEAST = 0.005
"""Share of the log loss that exposures must explain before they are said to tell anything."""


def notes(unattributed: int, conversions: int) -> tuple[str, ...]:
    """How to read the credits, whatever they are."""
    found = [
        "Attribution divides up conversions that happened among the contacts before them. It does not say which of them "
        "would have happened anyway; only a comparison with people who were held out does (aimwell measure report)."
    ]
    if unattributed:
        share = 100 * unattributed / (unattributed + conversions)
        found.append(
            f"{count(unattributed)} conversions ({percent(share)} of all) had no touch in the window before them; no model "
            "credits anybody with them."
        )
    return tuple(found)


def caveats(
    read: PathsRead, credited: Sequence[Credited], credits: Sequence[ChannelCredit]
) -> tuple[str, ...]:
    """What a reader must know before believing it."""
    found = []
    judged = next((one.judged for one in credited if one.judged is not None), None)
    if judged is not None:
        found.append(_judged(judged))
    if read.paths.converted.all():
        found.append(
            "Every path here ended with a conversion: nothing is known of people who saw the same and did not convert. "
            "Markov chains and the models that learn rates then have nothing to compare with."
        )
    gap = disagreement(credits)
    if gap:
        found.append(gap)
    if read.valueless:
        found.append(
            f"{count(read.valueless)} conversions reported no money; they count as conversions, with a value of 0."
        )
    if read.merged:
        found.append(f"The {count(read.merged)} rarest names were taken together as '{OTHERS}'.")
    return tuple(found)


def _judged(judged: HazardJudged) -> str:
    gain = 1.0 - judged.fitted / judged.constant if judged.constant > 0 else 0.0
    figures = f"log loss a touch {judged.fitted:.4f}, against {judged.constant:.4f} for one rate after every touch"
    if gain < _GAIN_LEAST:
        return (
            f"On people it was not fitted to, the data-driven model is no better than a constant ({figures}): what people "
            "saw says next to nothing of who converts, so its division is hardly more than a convention."
        )
    return (
        f"On people it was not fitted to, the data-driven model explains {percent(100 * gain)} of the log loss ({figures}). "
        "Channels that are shown to people who would buy anyway look effective to every model here."
    )


def disagreement(credits: Sequence[ChannelCredit]) -> str:
    """The channel on which the models differ most, in points of share; empty where they hardly differ."""
    total: dict[str, float] = {}
    for one in credits:
        total[one.model] = total.get(one.model, 0.0) + one.conversions
    spans: dict[str, list[tuple[float, str]]] = {}
    for one in credits:
        if total[one.model] > 0:
            spans.setdefault(one.channel, []).append(
                (one.conversions / total[one.model], one.model)
            )
    if not spans:
        return ""
    widest = max(spans, key=lambda name: max(spans[name])[0] - min(spans[name])[0])
    low, high = min(spans[widest]), max(spans[widest])
    if high[0] - low[0] < 0.02:
        return ""
    return (
        f"The models disagree most on '{widest}': from {percent(100 * low[0])} of the credit ({low[1]}) to "
        f"{percent(100 * high[0])} ({high[1]})."
    )


def beside(one: Incremental, model: str) -> str:
    """The credited conversions of a campaign beside those that sending caused, and why they differ."""
    measured: Estimate = one.measured
    credited: Mapping[str, float] = one.credited or {}
    waves = f" in {len(one.plan_ids)} waves" if len(one.plan_ids) > 1 else ""
    said = f"'{one.campaign}'{waves} (measured: {one.goal}): {model.replace('_', ' ')} credits it with {number(credited.get(model, 0.0))} conversions"
    if measured.estimate is None or measured.lower is None or measured.upper is None:
        return f"{said}; what sending added is not known: {measured.reason}."
    caused = (
        f"; against the held-out, sending added {number(measured.estimate)} "
        f"({number(measured.lower)} to {number(measured.upper)}, {measured.method})"
    )
    gap = credited.get(model, 0.0)
    if gap > measured.upper:
        why = (
            f". At least {number(gap - measured.upper)} of the credited would have converted anyway: credit counts who was "
            "touched, lift counts who would not have come otherwise."
        )
    elif gap < measured.lower:
        why = (
            f". Sending added at least {number(measured.lower - gap)} more than is credited: it also worked on people whose "
            "opening or clicking is not seen, or whose credit another touch got."
        )
    else:
        why = ". The credit lies within what the comparison allows."
    return said + caused + why

"""Whether a model in use still looks at people as it knew them, and is still as good as it was judged to be.

**Inputs and probabilities** of today's people are held against those of the people on whom it was judged (`stats.drift`), with
records as long as they were then (`equally_long`), because much grows with them though nobody has changed. Of all features together at most one in a hundred that has not shifted is called so (Benjamini-Hochberg), and a shift too small
to matter is none, however sure it is.

**Realised performance**: people of one horizon ago, by what was known of them then, and what they did since. The model has
not seen that. The AUC is held against the one of its card, the mean probability against the share that did it; intervals are of
99 %, because it is looked at night after night.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from math import sqrt

from scipy.special import ndtri

from aimwell.errors import PredictError
from aimwell.predict.card_propensity import chosen_candidate
from aimwell.predict.care.days import day_from, day_of
from aimwell.predict.care.equally_long import came_since, equally_long
from aimwell.predict.care.model import SCORES, Monitored, Realised, Shifted, Verdict
from aimwell.predict.judging import Judgement, judge
from aimwell.predict.propensity import NEEDED_TO_JUDGE, PropensityModel
from aimwell.predict.questions import Question
from aimwell.predict.reference import Reference
from aimwell.predict.registry import RegisteredModel, load_part
from aimwell.predict.service import PART, REFERENCE
from aimwell.predict.tables import BoolArray, FeatureTable
from aimwell.predict.training import feature_table, span_days
from aimwell.stats.drift import Spread, drift, word_of
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.multiplicity import benjamini_hochberg
from aimwell.stats.samples import FloatArray
from aimwell.store.stores import Stores

__all__ = ["SURE_CONFIDENCE", "is_off", "monitor_propensity", "shifts_of", "shifts_verdict"]

SURE_CONFIDENCE = 0.99
"""It is looked at again and again, so what is called worse or off must be surer than usual."""

_SURE = float(ndtri((1 + SURE_CONFIDENCE) / 2))
_OFF_MIN = 0.1
"""A level that is off by less than this share of itself is not worth a word, however sure it is."""

_COME_AGAIN = 0.5
"""Newcomers of as long a time that are fewer than this, by those of the earlier moment, do not stand for everybody."""

_WEIGHTY = 0.05
"""A feature of less weight than this may shift without a word of warning."""


def monitor_propensity(stores: Stores, entry: RegisteredModel, *, as_of: datetime) -> Monitored:
    """Look after a propensity in use; it has seen nothing from `as_of` on.

    Raises:
        PredictError: It was trained before Aimwell kept what later people are held against, or nobody is there.
        ModelFileError: Its files are missing or were changed.
    """
    fitted, reference = _parts(stores, entry)
    since = equally_long(stores, then=reference.as_of, now=as_of)
    ids, table = feature_table(
        stores,
        as_of=as_of,
        horizon=span_days(int(entry.settings["horizon_days"])),
        question=Question.from_settings(entry.settings),
        names=fitted.names,
        since=since,
    )
    if not len(table):
        raise PredictError(
            f"There are no people as of {as_of:%Y-%m-%d %H:%M %Z} that {entry.label} could look at. Collect what came since, or give "
            "a moment (as of) that the data reaches."
        )
    new = None if since is None else came_since(stores, ids, since)
    shifts = _shifts(fitted, reference, table, new)
    realised, reason = _realised(stores, entry, fitted, as_of=as_of)
    verdict, findings = _verdict(stores, shifts, realised)
    return Monitored(
        model=entry.label,
        as_of=as_of.astimezone(UTC),
        people=len(table),
        shifts=shifts,
        realised=realised,
        realised_reason=reason,
        verdict=verdict,
        findings=findings,
    )


def _parts(stores: Stores, entry: RegisteredModel) -> tuple[PropensityModel, Reference]:
    if not any(path.startswith(f"{REFERENCE}/") for path in entry.files):
        raise PredictError(
            f"{entry.label} was trained by an earlier version of Aimwell, which did not keep how its people were. Train it anew."
        )
    return (
        load_part(stores, entry, PART, PropensityModel),
        load_part(stores, entry, REFERENCE, Reference),
    )


def _shifts(
    fitted: PropensityModel, reference: Reference, table: FeatureTable, new: BoolArray | None
) -> tuple[Shifted, ...]:
    values = table.matrix(fitted.names)
    later = {
        # Records are as long as at the earlier moment, so nothing that grew is to be stated otherwise.
        SCORES: fitted.predict(replace(table, as_of=reference.as_of)),
        **{name: values[:, place] for place, name in enumerate(fitted.names)},
    }
    return shifts_of(
        {SCORES: reference.scores, **reference.features}, later, dict(fitted.influences), new
    )


def shifts_of(
    earlier: Mapping[str, Spread],
    later: Mapping[str, FloatArray],
    weights: Mapping[str, float],
    new: BoolArray | None = None,
) -> tuple[Shifted, ...]:
    """Each name's later values against the earlier ones; what has no weight is what the model itself says.

    `new`: the rows of those who came in the days that are looked at. They alone are told where they lie nearer to the earlier ones
    than all do, and are at least half as many as these were: else the shop has changed, and not grown.
    """
    found = _shifted(earlier, later, weights)
    if new is None or new.all() or new.sum() < _COME_AGAIN * next(iter(earlier.values())).people:
        return found
    newer = _shifted(earlier, {name: values[new] for name, values in later.items()}, weights)
    return min(found, newer, key=lambda shifts: sum(one.drift.psi for one in shifts))


def _shifted(
    earlier: Mapping[str, Spread], later: Mapping[str, FloatArray], weights: Mapping[str, float]
) -> tuple[Shifted, ...]:
    found = {name: drift(one, later[name]) for name, one in earlier.items()}
    q_values = benjamini_hochberg([one.psi_p for one in found.values()])
    shifts = [
        Shifted(
            name,
            weights.get(name),
            one,
            float(q or 0.0),
            word_of(one, earlier[name], float(q or 0.0)),
        )
        for (name, one), q in zip(found.items(), q_values, strict=True)
    ]
    return tuple(sorted(shifts, key=lambda one: -(2.0 if one.weight is None else one.weight)))


def _realised(
    stores: Stores, entry: RegisteredModel, fitted: PropensityModel, *, as_of: datetime
) -> tuple[Realised | None, str | None]:
    horizon = span_days(int(entry.settings["horizon_days"]))
    cut = as_of - horizon
    if cut < entry.as_of:
        ready = entry.as_of + horizon
        return (
            None,
            f"The first outcomes that it has not seen are complete on {day_from(stores, ready)}.",
        )
    _, table = feature_table(
        stores,
        as_of=cut,
        horizon=horizon,
        question=Question.from_settings(entry.settings),
        outcome=True,
        names=fitted.names,
    )
    positives = int(table.happened.sum())
    present = (len(table), positives, len(table) - positives)
    needed = tuple(NEEDED_TO_JUDGE.values())
    if any(here < least for here, least in zip(present, needed, strict=True)):
        told = ", ".join(
            f"{name} {here:,} of at least {least:,}"
            for (name, least), here in zip(NEEDED_TO_JUDGE.items(), present, strict=True)
        )
        return None, f"Too few people to judge it by: {told}."
    judged = judge(fitted.predict(table), table.happened)
    before = chosen_candidate(entry.metrics)["later"]["auc"]
    change = _change(judged, before)
    level = _level(judged, taught=int(entry.metrics["train"]["people"]))
    return (
        Realised(
            as_of=cut.astimezone(UTC),
            judgement=judged,
            auc_change=change,
            level=level,
            worse=change.upper is not None and change.upper < 0,
            off=is_off(level, judged.base_rate.estimate or 0.0),
        ),
        None,
    )


def _change(judged: Judgement, before: dict[str, float | None]) -> Estimate:
    """The AUC less that of before. The two are of different people, so their errors add up in squares."""
    method = "normal interval; errors from both intervals"
    now = judged.auc
    figures = (
        now.estimate,
        now.lower,
        now.upper,
        *(before[k] for k in ("estimate", "lower", "upper")),
    )
    if any(one is None for one in figures):
        return Estimate.missing("an AUC is missing", method=method, confidence=SURE_CONFIDENCE)
    here, low, high, there, low_then, high_then = (float(one or 0.0) for one in figures)
    reach = sqrt(((high - low) / 2) ** 2 + ((high_then - low_then) / 2) ** 2)
    reach *= _SURE / float(ndtri((1 + DEFAULT_CONFIDENCE) / 2))
    return Estimate(
        estimate=here - there,
        lower=here - there - reach,
        upper=here - there + reach,
        confidence=SURE_CONFIDENCE,
        method=method,
    )


def _level(judged: Judgement, *, taught: int) -> Estimate:
    """Share that did it less the mean probability. Chance is that of these people and of those who taught it the level."""
    rate = judged.base_rate.estimate or 0.0
    reach = _SURE * sqrt(max(judged.brier, 1e-12) * (1 / judged.people + 1 / taught))
    gap = rate - judged.mean_predicted
    return Estimate(
        estimate=gap,
        lower=gap - reach,
        upper=gap + reach,
        confidence=SURE_CONFIDENCE,
        method="normal interval by the mean squared error",
    )


def is_off(level: Estimate, base: float) -> bool:
    """Whether a level is off by more than chance, and by a tenth of `base` or more."""
    if level.lower is None or level.upper is None or level.estimate is None:
        return False
    return abs(level.estimate) >= _OFF_MIN * abs(base) and not level.lower <= 0 <= level.upper


def _verdict(
    stores: Stores, shifts: tuple[Shifted, ...], realised: Realised | None
) -> tuple[Verdict, tuple[str, ...]]:
    found: list[str] = []
    anew = False
    if realised is not None and realised.worse:
        anew = True
        found.append(
            f"It has become worse: AUC {realised.judgement.auc.estimate:.3f} on people of {day_of(stores, realised.as_of)}, "
            f"{-(realised.auc_change.estimate or 0):.3f} less than when it was judged, by more than chance."
        )
    if realised is not None and realised.off:
        anew = True
        found.append(
            f"Its level is off: {realised.judgement.mean_predicted:.1%} were predicted on average, "
            f"{realised.judgement.base_rate.estimate:.1%} did it."
        )
    return shifts_verdict(shifts, found, anew=anew)


def shifts_verdict(
    shifts: Sequence[Shifted], worse: Sequence[str], *, anew: bool
) -> tuple[Verdict, tuple[str, ...]]:
    """What follows from shifts and from what was found of later outcomes, the gravest first.

    Args:
        shifts: As `shifts_of` gives them.
        worse: What was found before, in words.
        anew: It is to be trained anew for that.
    """
    scores = next((one for one in shifts if one.weight is None), None)
    inputs = [
        one
        for one in shifts
        if one.weight is not None
        and one.weight >= _WEIGHTY
        and one.shift in ("noticeable", "large")
    ]
    found = list(worse)
    if scores is None:
        anew = anew or any(one.shift == "large" for one in inputs)
    elif scores.shift in ("noticeable", "large"):
        anew = anew or (scores.shift == "large" and bool(inputs))
        found.append(
            f"Its {scores.name} have shifted ({scores.shift}, PSI {scores.drift.psi:.2f}; chance makes at most "
            f"{scores.drift.psi_by_chance:.2f})."
        )
    found += [
        f"{one.name}, {one.weight:.0%} of what tells people apart, has shifted ({one.shift}, PSI {one.drift.psi:.2f})"
        + _gaps(one)
        for one in inputs
    ]
    if anew:
        return "train it anew", tuple(found)
    if found:
        return "look at it", tuple(found)
    if any(one.shift == "cannot tell" for one in ([scores] if scores else shifts)):
        return "cannot tell", ("Too few people to tell whether anything has shifted.",)
    return "fine", ("What it looks at is spread as it was.",)


def _gaps(one: Shifted) -> str:
    before, now = one.drift.missing_before, one.drift.missing_now
    if abs(now - before) < 0.1:
        return "."
    return f"; {now:.0%} have no value, {before:.0%} had none."

"""Looking after and comparing models of any kind that gives a loss per person.

**What it looks at** is read again as it was at the version's own moment, and held against today's (`stats.drift`): nothing needs
to have been kept. **Realised performance**: the loss of a dull rule less that of the model on people whose outcomes have come since,
held against the same on the people by whom the version was judged first, so that a season which is harder for everybody is no fault of the
model. Intervals of 99 %, because it is looked at night after night.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from math import sqrt

from aimwell.errors import PredictError
from aimwell.predict.care.comparing import better_of, compared_sentence
from aimwell.predict.care.days import check_unseen, day_from, day_of
from aimwell.predict.care.kinds import CaredKind, Told
from aimwell.predict.care.model import Comparison, Monitored, RealisedLoss
from aimwell.predict.care.monitoring import SURE_CONFIDENCE, is_off, shifts_of, shifts_verdict
from aimwell.predict.care.words import totals
from aimwell.predict.paired import paired_difference
from aimwell.predict.registry import RegisteredModel
from aimwell.stats.drift import spread
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.samples import FloatArray
from aimwell.store.stores import Stores

__all__ = ["compare_by_loss", "monitor_by_loss"]

_PEOPLE_MIN = 100


def monitor_by_loss(
    stores: Stores, kind: CaredKind, entry: RegisteredModel, *, as_of: datetime
) -> Monitored:
    """Look after a version; it has seen nothing from `as_of` on.

    Raises:
        PredictError: There is nobody to look at.
        ModelFileError: Its files are missing or were changed.
    """
    today = kind.seen(stores, entry, as_of=as_of)
    then = kind.seen(stores, entry, as_of=entry.as_of)
    people = len(next(iter(today.columns.values())))
    if not people or not len(next(iter(then.columns.values()))):
        raise PredictError(
            f"There are no {today.units} as of {as_of:%Y-%m-%d %H:%M %Z} that {entry.label} could look at. Collect what came "
            "since, or give a moment (as of) that the data reaches."
        )
    shifts = shifts_of(
        {name: spread(values) for name, values in then.columns.items()},
        today.columns,
        today.weights,
        today.new,
    )
    realised, reason = _realised(stores, kind, entry, as_of)
    words = [] if realised is None else _words(stores, realised)
    anew = realised is not None and (realised.worse or realised.off)
    verdict, findings = shifts_verdict(shifts, words, anew=anew)
    return Monitored(
        model=entry.label,
        as_of=as_of.astimezone(UTC),
        people=people,
        shifts=shifts,
        realised=realised,
        realised_reason=reason,
        verdict=verdict,
        findings=findings,
        units=today.units,
    )


def compare_by_loss(
    stores: Stores, kind: CaredKind, entries: Sequence[RegisteredModel], *, as_of: datetime
) -> Comparison:
    """Which of two versions is better on people of one span before `as_of`.

    Raises:
        PredictError: They are asked different things, one has learnt from these people's outcomes, or they are too few.
    """
    _same_question(kind, entries)
    span = kind.span(entries[0])
    cut = as_of.astimezone(UTC) - span
    for entry in entries:
        check_unseen(stores, entry, cut=cut, learnt=kind.learnt_until(entry), span=span)
    told = kind.told(stores, entries, cut=cut)
    _enough(stores, told, cut)
    extra = _mean(told.losses[0] - told.losses[1], told, DEFAULT_CONFIDENCE)
    labels = (entries[0].label, entries[1].label)
    better = better_of(labels, extra)
    people = len(told.dull)
    return Comparison(
        one=labels[0],
        other=labels[1],
        as_of=cut,
        people=people,
        positives=None,
        measure=kind.measure,
        one_loss=float(told.losses[0].mean()),
        other_loss=float(told.losses[1].mean()),
        one_judged=None,
        other_judged=None,
        extra_loss=extra,
        better=better,
        sentence=compared_sentence(labels, extra, better, people, kind.measure),
        stand_ins=dict(told.stand_ins or {}),
    )


def _same_question(kind: CaredKind, entries: Sequence[RegisteredModel]) -> None:
    one, other = (
        {name: entry.settings.get(name) for name in ("horizon_days", *kind.asked)}
        for entry in entries
    )
    if one != other:
        raise PredictError(
            f"They answer different questions, so which is better cannot be asked: {_asked(one)}; {_asked(other)}."
        )


def _asked(settings: dict[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items() if value is not None)


def _realised(
    stores: Stores, kind: CaredKind, entry: RegisteredModel, as_of: datetime
) -> tuple[RealisedLoss | None, str | None]:
    span = kind.span(entry)
    cut = as_of.astimezone(UTC) - span
    if cut < entry.as_of:
        ready = entry.as_of + span
        return (
            None,
            f"The first outcomes that it has not seen are complete on {day_from(stores, ready)}.",
        )
    try:
        now = kind.told(stores, [entry], cut=cut)
        _enough(stores, now, cut)
        before = kind.told(stores, [entry], cut=entry.as_of - span)
    except PredictError as error:
        return None, str(error)
    gain, gain_then = (
        _mean(told.dull - told.losses[0], told, SURE_CONFIDENCE) for told in (now, before)
    )
    change = _change(gain, gain_then)
    level = _level(now, before)
    total = None if now.came is None else float(now.came.sum())
    base = 0.0 if total is None else total / len(now.dull)
    return RealisedLoss(
        as_of=cut,
        people=len(now.dull),
        units=kind.judged,
        measure=kind.measure,
        dull=kind.dull_rule,
        loss=float(now.losses[0].mean()),
        gain=gain,
        gain_change=change,
        expected=None if now.expected is None else float(now.expected[0].sum()),
        came=total,
        level=level,
        worse=change.upper is not None and change.upper < 0,
        off=is_off(level, base),
        stand_in=(before.stand_ins or {}).get(entry.label),
    ), None


def _enough(stores: Stores, told: Told, cut: datetime) -> None:
    if len(told.dull) < _PEOPLE_MIN:
        raise PredictError(
            f"{len(told.dull):,} of {day_of(stores, cut)} can be judged on; at least {_PEOPLE_MIN} are needed. Collect what came "
            "later, or give a moment (as of) that the data reaches."
        )


def _mean(values: FloatArray, told: Told, confidence: float) -> Estimate:
    return paired_difference(values, groups=told.persons, confidence=confidence)


def _change(now: Estimate, before: Estimate) -> Estimate:
    """The gain less that of before. The two are of different people, so their errors add up in squares."""
    method = "normal interval; errors from both intervals"
    figures = (now.estimate, now.upper, before.estimate, before.upper)
    if any(one is None for one in figures):
        return Estimate.missing("a gain is missing", method=method, confidence=SURE_CONFIDENCE)
    here, high, there, high_then = (float(one or 0.0) for one in figures)
    reach = sqrt((high - here) ** 2 + (high_then - there) ** 2)
    gap = here - there
    return Estimate(
        estimate=gap,
        lower=gap - reach,
        upper=gap + reach,
        confidence=SURE_CONFIDENCE,
        method=method,
    )


def _level(now: Told, before: Told) -> Estimate:
    """What came less what was expected, a person; chance is that of these people and of as many as were judged first."""
    if now.expected is None or now.came is None:
        return Estimate.missing(
            "nothing is added up", method="paired normal interval", confidence=SURE_CONFIDENCE
        )
    found = _mean(now.came - now.expected[0], now, SURE_CONFIDENCE)
    if found.estimate is None or found.upper is None:
        return found
    reach = (found.upper - found.estimate) * sqrt(1 + len(now.dull) / max(1, len(before.dull)))
    return Estimate(
        estimate=found.estimate,
        lower=found.estimate - reach,
        upper=found.estimate + reach,
        confidence=SURE_CONFIDENCE,
        method="normal interval of differences, with the chance of those who taught the level",
    )


def _words(stores: Stores, found: RealisedLoss) -> list[str]:
    words = []
    if found.worse:
        words.append(
            f"It has become worse: on {found.people:,} {found.units} of {day_of(stores, found.as_of)} it gains {found.gain.estimate:.4f} of "
            f"{found.measure} over {found.dull}, {-(found.gain_change.estimate or 0):.4f} less than when it was judged, by more than "
            "chance."
        )
    if found.gain.upper is not None and found.gain.upper < 0:
        words.append(
            f"It foretells worse than {found.dull}, by more than chance: do not choose people by it."
        )
    if found.off and found.expected is not None and found.came is not None:
        expected, came = totals(found.expected, found.came)
        words.append(f"Its level is off: {expected} were expected altogether, {came} came.")
    return words

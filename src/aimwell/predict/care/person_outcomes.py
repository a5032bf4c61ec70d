"""What a version expected of people of a past moment beside what came of each, whatever kind it is of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from aimwell.errors import PredictError
from aimwell.history.moment import TIME_COLUMNS, open_moment
from aimwell.predict.beta_binomial import fit_beta_binomial
from aimwell.predict.buying import later_buying, purchase_history
from aimwell.predict.buying_law import BuyingLaw
from aimwell.predict.care.days import check_unseen, day_of
from aimwell.predict.care.kinds import horizon_of, stand_ins, taught_until
from aimwell.predict.care.later_people import later_people
from aimwell.predict.churn_people import people_at_risk
from aimwell.predict.churning import chances_of_going
from aimwell.predict.gamma_gamma import GammaGamma, fit_gamma_gamma
from aimwell.predict.kind_words import kind_words
from aimwell.predict.laws import fit_law, law_of
from aimwell.predict.lifetime_value import lifetime_value
from aimwell.predict.propensity import PropensityModel
from aimwell.predict.questions import Question
from aimwell.predict.registry import RegisteredModel, load_part
from aimwell.predict.responding.channels import channel_laws
from aimwell.predict.responding.counts import BEFORE, LATER
from aimwell.predict.responding.reading import read_messages
from aimwell.predict.service import PART
from aimwell.predict.spend import SpendModel
from aimwell.predict.spending import spend_people
from aimwell.predict.subscription_churn import hazard_of, read_subscriptions
from aimwell.predict.subscription_learning import chances_of_ending, ended_within
from aimwell.predict.training import span_days
from aimwell.stats.samples import FloatArray
from aimwell.store.stores import Stores

__all__ = ["PersonOutcomes", "person_outcomes"]

_PEOPLE_MIN = 100


@dataclass(frozen=True, slots=True, eq=False)
class PersonOutcomes:
    """Expectations and what came, a number a row each.

    Args:
        as_of: The moment; nothing later was looked at to expect.
        ids: Profile of each row; a person with several subscriptions has several.
        expected: Probability (0-1), share of several messages (0-1), or money.
        came: 1 or 0, a share, or money.
        money: Whether amounts are told, not probabilities or shares.
        did: What came, in a word or two, as "ordered" or "ended".
        units: What a row is.
        shares: Whether what came is a share of several, not 1 or 0.
        stand_in: Why it is not the version itself that expected; None where it is.
    """

    as_of: datetime
    ids: pa.Array
    expected: FloatArray
    came: FloatArray
    money: bool
    did: str
    units: str = "people"
    shares: bool = False
    stand_in: str | None = None


def person_outcomes(stores: Stores, entry: RegisteredModel, *, as_of: datetime) -> PersonOutcomes:
    """Of people of one horizon before `as_of`, and what came until then.

    Raises:
        PredictError: It is of a kind that expects nothing of persons, has learnt from these people's outcomes, or they are too
            few to tell.
        ModelFileError: Its files are missing or were changed.
    """
    read = _READ.get(entry.kind)
    if read is None:
        raise PredictError(
            f"'{entry.name}' is {kind_words(entry.kind)}, of which outcomes by group are not told. They are told of: "
            f"{', '.join(sorted(_READ)).replace('_', ' ')}."
        )
    found = read(stores, entry, as_of.astimezone(UTC))
    happened = found.came > 0
    if len(happened) < _PEOPLE_MIN or not 0 < happened.sum() < len(happened):
        raise PredictError(
            f"{len(happened):,} {found.units} of {day_of(stores, found.as_of)} can be judged on, of whom {int(happened.sum()):,} "
            f"{found.did} by {day_of(stores, as_of)}; at least {_PEOPLE_MIN} are needed, some who did and some who did not."
        )
    return found


def _propensity(stores: Stores, entry: RegisteredModel, as_of: datetime) -> PersonOutcomes:
    fitted = load_part(stores, entry, PART, PropensityModel)
    question = Question.from_settings(entry.settings)
    ids, table = later_people(stores, [(entry, fitted)], question, as_of=as_of)
    return PersonOutcomes(
        table.as_of,
        ids,
        fitted.predict(table),
        table.happened.astype(np.float64),
        money=False,
        did="did it",
    )


def _churn(stores: Stores, entry: RegisteredModel, as_of: datetime) -> PersonOutcomes:
    cut = _cut(stores, entry, as_of, horizon_of(entry), taught_until(entry))
    risk = people_at_risk(stores, cut, horizon_of(entry), None, outcome=True)
    return PersonOutcomes(
        cut,
        risk.ids,
        chances_of_going(stores, entry, risk),
        (~risk.table.happened).astype(np.float64),
        money=False,
        did="went",
        units="people at risk",
    )


def _subscriptions(stores: Stores, entry: RegisteredModel, as_of: datetime) -> PersonOutcomes:
    span = horizon_of(entry)
    cut = _cut(stores, entry, as_of, span, entry.as_of - span)
    read = read_subscriptions(stores, cut, as_of)
    return PersonOutcomes(
        cut,
        read.judged.column("profile_id").combine_chunks(),
        chances_of_ending(hazard_of(stores, entry), read.judged, span),
        ended_within(read).astype(np.float64),
        money=False,
        did="ended",
        units="subscriptions",
    )


def _spend(stores: Stores, entry: RegisteredModel, as_of: datetime) -> PersonOutcomes:
    span = horizon_of(entry)
    cut = _cut(stores, entry, as_of, span, taught_until(entry))
    people = spend_people(stores, cut, span, stores.lake.pin(*TIME_COLUMNS), ahead=True)
    model = load_part(stores, entry, "spend", SpendModel)
    return PersonOutcomes(
        cut, people.ids, model.predict(people.table), people.revenue, money=True, did="brought"
    )


def _lifetime(stores: Stores, entry: RegisteredModel, as_of: datetime) -> PersonOutcomes:
    """Revenue of the days on which values are checked; where the version has seen them, by the same fit to what was known before."""
    span = span_days(int(entry.settings["holdout_days"]))
    cut = as_of - span
    with open_moment(stores, as_of=cut, horizon=span, engine=stores.history_engine) as moment:
        ids, history = purchase_history(moment)
        later = later_buying(moment, ids)
    buying = load_part(stores, entry, "buying", BuyingLaw)  # type: ignore[type-abstract]
    spending = load_part(stores, entry, "spending", GammaGamma)
    if entry.as_of > cut:
        buying, spending = fit_law(history, law_of(buying)), fit_gamma_gamma(history)
    value = lifetime_value(
        history,
        buying,
        spending,
        horizon_days=float(span.days),
        margin=None,
        discount_monthly=0.0,
        draws=0,
    ).value
    known = np.flatnonzero(np.isfinite(value))
    return PersonOutcomes(
        cut,
        ids.take(pa.array(known)),
        value[known],
        later.revenue[known],
        money=True,
        did="brought",
        units="customers",
        stand_in=stand_ins(stores, [entry], cut).get(entry.label),
    )


def _channel(stores: Stores, entry: RegisteredModel, as_of: datetime) -> PersonOutcomes:
    """Shares of later messages that people answered, by channel, of whom it had written to in it before; by the same laws fitted before."""
    cut = as_of - span_days(int(entry.settings["check_days"]))
    counts = read_messages(stores, entry.settings, as_of=as_of)
    ids: list[pa.Array] = []
    expected: list[FloatArray] = [np.empty(0)]
    came: list[FloatArray] = [np.empty(0)]
    for channel, known in channel_laws(stores, entry).laws.items():
        if channel not in counts.names:
            continue
        one = counts.of_channels([channel])
        sent, hits = one.sent[:, 0, BEFORE], one.answered[:, 0, BEFORE]
        later, answered = one.sent[:, 0, LATER], one.answered[:, 0, LATER]
        rows = np.flatnonzero((sent > 0) & (later > 0))
        law = known
        if entry.as_of > cut and 0 < hits.sum() < sent.sum():
            law = fit_beta_binomial(hits[sent > 0], sent[sent > 0])
        ids.append(one.profiles.take(pa.array(rows)))
        expected.append(law.shares(hits[rows], sent[rows]).mean)
        came.append(answered[rows] / later[rows])
    return PersonOutcomes(
        cut,
        pa.concat_arrays(ids) if ids else pa.array([], pa.string()),
        np.concatenate(expected),
        np.concatenate(came),
        money=False,
        did="answered",
        units="people in a channel",
        shares=True,
        stand_in=stand_ins(stores, [entry], cut).get(entry.label),
    )


_Read = Callable[[Stores, RegisteredModel, datetime], PersonOutcomes]
_READ: Mapping[str, _Read] = {
    "propensity": _propensity,
    "churn": _churn,
    "subscription_churn": _subscriptions,
    "spend": _spend,
    "lifetime_value": _lifetime,
    "channel_preference": _channel,
}


def _cut(
    stores: Stores, entry: RegisteredModel, as_of: datetime, span: timedelta, learnt_until: datetime
) -> datetime:
    cut = as_of - span
    check_unseen(stores, entry, cut=cut, learnt=learnt_until, span=span)
    return cut

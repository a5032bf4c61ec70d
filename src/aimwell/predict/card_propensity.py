"""The card of a propensity in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from aimwell.history.catalogue import FEATURES
from aimwell.predict.card_words import day, estimate, level_caveat, level_words, season_caveat
from aimwell.predict.leads.firms import firm_words
from aimwell.predict.questions import ACCOUNTS, PROSPECTS, Question
from aimwell.predict.registry import RegisteredModel

__all__ = ["chosen_candidate", "propensity_words", "tuning_words"]

_WORDS = {feature.name: f"{feature.formula}, {feature.window}" for feature in FEATURES}
_FEATURES_TOLD = 6
# By so much AUC a random division must flatter before it is a caveat.
_FLATTERS = 0.02


def propensity_words(entry: RegisteredModel, zone: ZoneInfo) -> dict[str, Any]:
    """The parts of the card, days in `zone`."""
    metrics, horizon = entry.metrics, entry.settings["horizon_days"]
    question = Question.from_settings(entry.settings)
    chosen = chosen_candidate(metrics)
    later = chosen["later"]
    train, judge = metrics["train"], metrics["judge"]
    people = "firms" if question.among == ACCOUNTS else "people"
    return {
        "predicts": f"The probability that {question.whose} {question.does} within {horizon} days.",
        "sentence": f"AUC {estimate(later['auc'], '.3f')} on {judge['people']:,} {people} of a later period than it learnt "
        f"from (a random division would say {chosen['random_split']['auc']['estimate']:.3f}); the likeliest tenth did it "
        f"{_best_tenth(later)}",
        "learnt_from": [
            f"{train['people']:,} {people} known on {day(train['as_of'], zone)}, of whom {train['positives']:,} did it in "
            f"the {horizon} days after.",
            f"Learnt by: {metrics['learner']}. {metrics['reason']}",
            *_ageing_words(metrics.get("ageing")),
            *tuning_words(metrics),
        ],
        "how_good": [
            f"Judged on {judge['people']:,} {people} known on {day(judge['as_of'], zone)}{_drawn(judge)}, later than it has learnt; "
            f"{judge['positives']:,} of them did it.",
            f"AUC {estimate(later['auc'], '.3f')}: so often it puts somebody who did it above somebody who did not; "
            "0.5 is a coin, 1 is perfect.",
            f"On a random division of the {people} it learnt from, the AUC was {estimate(chosen['random_split']['auc'], '.3f')}. "
            "Most reports show that one; it knows nothing of time.",
            f"The best tenth did it {_best_tenth(later)}",
            f"Mean prediction {later['mean_predicted']:.1%}, and {estimate(later['base_rate'], '.1%')} did it.",
            *level_words(later),
            *(
                f"The {one['learner']} came to AUC {estimate(one['later']['auc'], '.3f')}, log loss "
                f"{one['later']['log_loss']:.4f} (the chosen: {later['log_loss']:.4f})."
                for one in metrics["candidates"]
                if one["learner"] != metrics["learner"]
            ),
        ],
        "calibration": [
            {
                "people": row["people"],
                "predicted": row["mean_predicted"],
                "actual": row["actual"]["estimate"],
                "lower": row["actual"]["lower"],
                "upper": row["actual"]["upper"],
            }
            for row in later["bins"]
        ],
        "features": [
            _feature(row, of_firms=question.among == ACCOUNTS)
            for row in metrics["features"][:_FEATURES_TOLD]
        ],
        "caveats": _propensity_caveats(metrics, chosen, question, zone),
    }


def chosen_candidate(metrics: Mapping[str, Any]) -> Mapping[str, Any]:
    """The figures of the learner that was chosen."""
    found: Mapping[str, Any] = next(
        one for one in metrics["candidates"] if one["learner"] == metrics["learner"]
    )
    return found


def _best_tenth(later: Mapping[str, Any]) -> str:
    best = later["tops"][0]
    lift = best["lift"]["value"]
    return f"in {best['rate']:.0%} of cases" + (
        "." if lift is None else f", {lift:.1f} times as often as everybody."
    )


def tuning_words(metrics: Mapping[str, Any]) -> tuple[str, ...]:
    """A sentence for each learner whose settings were looked for."""
    return tuple(_tuned(one["tuned"]) for one in metrics["candidates"] if one.get("tuned"))


def _ageing_words(ageing: Mapping[str, Any] | None) -> list[str]:
    if ageing is None:
        return []
    return [
        f"The history was {ageing['days']:,.0f} days long then. What grows with it ({', '.join(ageing['features'])}) is stated at "
        "later moments as of so many days, or every later count would look like more."
    ]


def _drawn(judge: Mapping[str, Any]) -> str:
    return f", drawn at random from {judge['of']:,}" if "of" in judge else ""


def _tuned(found: Mapping[str, Any]) -> str:
    """What a search for settings came to."""
    what = f"Settings of {found['learner']}: {found['tries']} tried on {found['people']:,} people held out in turn"
    if found["seconds"] is not None:
        what += f", in {found['seconds']:.0f} s"
    extra = found["extra_loss"]
    if extra is None:
        return f"{what}: the time was too short for one. The usual ones were kept."
    told = f"{what}; the log loss of the best is {extra['estimate']:+.4f} ({extra['lower']:+.4f} to {extra['upper']:+.4f}) against the usual ones"
    if not found["better"]:
        return f"{told}, which the best of so many may be by chance. The usual ones were kept."
    chosen = ", ".join(f"{name} {value:g}" for name, value in found["settings"].items())
    return f"{told}. It was taken: {chosen}."


def _feature(row: Mapping[str, Any], *, of_firms: bool) -> str:
    words = firm_words(row["name"]) if of_firms else _WORDS.get(row["name"], row["name"])
    way = row["direction"]
    told = (
        "no plain direction"
        if way is None
        else ("more of it, likelier" if way > 0 else "more of it, less likely")
    )
    return f"{row['name']} ({words}): {row['share']:.0%} of the difference it makes; {told}"


def _propensity_caveats(
    metrics: Mapping[str, Any], chosen: Mapping[str, Any], question: Question, zone: ZoneInfo
) -> list[str]:
    later = chosen["later"]
    found = [
        "It says who will do it, not whom a promotion would move. Many of the likeliest need no promotion."
    ]
    found += [
        f"'{one['name']}' knows too much: {'whether it has a value' if one['by_gap'] else 'it'} alone tells who does it "
        f"(AUC {estimate(one['auc'], '.3f')}). Perhaps it is written when it happens, or dated back. If it is not known at "
        "the moment, leave it out."
        for one in metrics.get("leaks", ())
    ]
    found += level_caveat(later, "people", "people rather than to count on sums of probabilities")
    flatters = chosen["optimism"]["value"]
    if flatters is not None and flatters > _FLATTERS:
        found.append(
            f"A random division would have promised an AUC higher by {flatters:.3f} than time allowed."
        )
    if "base rate" in metrics["learner"]:
        leads = question.among in (ACCOUNTS, PROSPECTS)
        found.append(
            f"It only knows how long ago people {'last visited' if leads else 'bought'}; no model was better by more than "
            "chance."
        )
    found += season_caveat(metrics, metrics["judge"]["as_of"], zone)
    return found

"""Times of the next purchase as a registered model: kept as a version, looked after, and used for scores."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from aimwell.history.moment import TIME_COLUMNS
from aimwell.predict.card_words import day, loss_saved
from aimwell.predict.registry import (
    RegisteredModel,
    check_name,
    load_part,
    register_model,
    usual_name,
)
from aimwell.predict.scoring import check_seen, keep_scores, scores_table
from aimwell.predict.timing.next_purchase import next_purchases
from aimwell.predict.timing.paces import Paces
from aimwell.predict.timing.purchase_days import By
from aimwell.predict.timing.reading import read_waits
from aimwell.store.stores import Stores

__all__ = ["next_purchase_words", "paces_of", "score_next_purchases", "train_next_purchases"]

_PART = "paces"


_VERDICTS = {
    "better": "{} it foretold the day better than everybody's waits",
    "worse": "{} it foretold the day worse than everybody's waits",
    "cannot tell": "{} no difference to everybody's waits could be told",
}


def train_next_purchases(
    stores: Stores,
    *,
    as_of: datetime,
    horizon_days: int = 30,
    by: By = "person",
    name: str | None = None,
    now: datetime,
) -> RegisteredModel:
    """Register the waits between purchases as the next version of a model, judged on the last horizon.

    Args:
        stores: The workspace.
        as_of: Nothing from this moment on is seen.
        horizon_days: How far scores look, and on how many days it is checked.
        by: 'person', 'category' or 'product'.
        name: Of the model; default: `next-purchase-30d`, or of products `next-purchase-product-30d`.
        now: When.

    Raises:
        TooLittleDataError, PredictError: As `next_purchases`; or `name` stands for another model.
    """
    asked = "next-purchase" if by == "person" else f"next-purchase-{by}"
    name = name or usual_name(asked, horizon_days)
    settings = {"horizon_days": horizon_days, "by": by}
    check_name(stores, name, kind="next_purchase", settings=settings)
    found = next_purchases(stores, as_of=as_of, by=by, check_days=horizon_days)
    return register_model(
        stores,
        {_PART: found.paces},
        name=name,
        kind="next_purchase",
        as_of=as_of.astimezone(UTC),
        settings=settings,
        metrics=msgspec.to_builtins(
            {
                "people": found.people.num_rows,
                "model": found.paces.to_dict(),
                "check": None if found.check is None else found.check.to_dict(),
                "check_reason": found.check_reason,
            }
        ),
        lake_versions=stores.lake.pin(*TIME_COLUMNS).versions,
        trained_at=now,
    )


def paces_of(stores: Stores, entry: RegisteredModel) -> Paces:
    """The waits of a registered version. Raises ModelFileError where its files are missing or were changed."""
    return load_part(stores, entry, _PART, Paces)


def score_next_purchases(
    stores: Stores, entry: RegisteredModel, *, as_of: datetime, now: datetime
) -> int | None:
    """Store each person's probability of a purchase within the horizon; None where it is about items, not people.

    Raises:
        PredictError: It has seen later data than `as_of` leaves.
    """
    if entry.settings["by"] != "person":
        return None
    check_seen(entry, as_of)
    read = read_waits(stores, as_of, "person", stores.lake.pin(*TIME_COLUMNS))
    ahead = paces_of(stores, entry).next_gap(read.waits, read.items)
    scores = scores_table(read.profiles, ahead.within(float(entry.settings["horizon_days"])))
    keep_scores(stores, entry, scores.sort_by("profile_id"), as_of=as_of, now=now)
    return int(scores.num_rows)


def next_purchase_words(entry: RegisteredModel, zone: ZoneInfo) -> dict[str, Any]:
    """The parts of the card, days in `zone`."""
    metrics, horizon, by = entry.metrics, entry.settings["horizon_days"], entry.settings["by"]
    what = "again" if by == "person" else f"each {by} again, of those that they bought again before"
    whose = "people" if by == "person" else f"people with a {by} that they bought again"
    check = metrics["check"]
    over = None if check is None else check["over_curve"]
    sentence = (
        metrics["check_reason"]
        if over is None or over["estimate"] is None
        else f"{_VERDICTS[check['verdict']].format(f'On the last {horizon} days')} ({loss_saved(over, '.2f')} in days, pinball loss)."
    )
    return {
        "predicts": f"When each person buys {what}, and the probability of it within {horizon} days.",
        "sentence": sentence,
        "learnt_from": [
            f"{metrics['people']:,} {whose}, and the gaps between their purchases, up to {day(entry.as_of.isoformat(), zone)}."
        ],
        "how_good": [] if check is None else _how_good(check, whose),
        "calibration": []
        if check is None
        else [
            {
                "within_days": one["days"],
                "people": check["rows"],
                "predicted": one["predicted"],
                "actual": one["happened"]["estimate"],
                "lower": one["happened"]["lower"],
                "upper": one["happened"]["upper"],
            }
            for one in check["promises"]
        ],
        "features": [],
        "caveats": [
            "It knows each person's pace and nothing else: neither seasons nor what you send them."
        ],
    }


def _how_good(check: dict[str, Any], whose: str) -> list[str]:
    return [
        f"Judged on {check['rows']:,} {whose}, {check['returned']:,} of whom did so once more within {check['horizon_days']} days.",
        *(
            f"{one['name']}: pinball loss {one['pinball_days']:.2f} days"
            + ("." if one["log_score"] is None else f", log score {one['log_score']:.3f}.")
            for one in check["forecasters"]
        ),
    ]

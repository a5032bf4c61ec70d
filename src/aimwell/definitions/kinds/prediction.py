"""`prediction`: a question about each person that a model answers, asked again and again: who will buy wine within 90 days?

Workers train it, hold it against what came since, train it anew when it is due, and promote the newer version only if it is better.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from aimwell.definitions.base import Definition, Duration, Reference
from aimwell.definitions.conditions import Text
from aimwell.definitions.feature_names import FEATURE_NAMES
from aimwell.definitions.kinds.feature import OWN_PREFIX
from aimwell.definitions.leaves.acts import Acts
from aimwell.errors import nearest

__all__ = [
    "ACCOUNTS",
    "PERIODS",
    "PROSPECTS",
    "USUAL_LEARNERS",
    "Answer",
    "Asks",
    "By",
    "LearnerKind",
    "Prediction",
    "Promotes",
    "Retrains",
    "Signal",
]

Asks = Literal[
    "propensity",
    "churn",
    "subscription-churn",
    "lifetime-value",
    "spend",
    "next-purchase",
    "recommendations",
    "channel",
    "price",
    "lead",
    "best-time",
    "demand",
]

Answer = Literal["click", "open", "order"]
Signal = Literal["any", "orders", "clicks", "opens", "visits"]
By = Literal["person", "product", "category", "shop"]
Retrains = Literal["never", "weekly", "monthly", "quarterly"]
Promotes = Literal["better", "sign-off"]

LearnerKind = Literal["rule", "logistic", "forest", "boosted", "xgboost"]
USUAL_LEARNERS: tuple[LearnerKind, ...] = ("rule", "logistic", "boosted")

PERIODS: dict[str, timedelta | None] = {
    "never": None,
    "weekly": timedelta(days=7),
    "monthly": timedelta(days=30),
    "quarterly": timedelta(days=91),
}
"""How long after it was trained it is trained anew."""

PROSPECTS = "prospects"
"""Among whom: those known who have not bought yet."""
ACCOUNTS = "accounts"
"""Among whom, of leads: firms of which nobody has ordered yet."""

_DAY = timedelta(days=1)
_USUAL_DAYS: dict[str, int] = {
    "lifetime-value": 365,
    "next-purchase": 30,
    "recommendations": 30,
    "channel": 7,
    "price": 60,
    "best-time": 30,
    "demand": 28,
}
_OF_FIRMS = ("does", "among", "learners")
_BY: dict[str, tuple[By, ...]] = {
    "next-purchase": ("person", "product", "category"),
    "demand": ("product", "category", "shop"),
}
"""By what a question can be asked, the usual one first."""
_OF_ONE: dict[str, str] = {"answer": "channel", "signal": "best-time"}
"""Fields that go with one question."""
_OF_PROPENSITIES = (
    "does",
    "among",
    "columns",
    "own",
    "leave_out",
    "learners",
    "tune",
    "tries",
)


def _feature(name: str) -> str:
    if name not in FEATURE_NAMES:
        raise ValueError(
            f"there is no such feature. {nearest(name, FEATURE_NAMES)} Own ones stand under `own`."
        )
    return name


FeatureName = Annotated[Text, AfterValidator(_feature)]
OwnName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}(\.[a-z][a-z0-9_]{0,62})?$")]


class Prediction(Definition):
    """What is asked of whom, and how the answer is cared for."""

    kind: Literal["prediction"] = "prediction"
    asks: Asks = Field(
        default="propensity",
        description="propensity: who will do something; churn: which customers will not come back; subscription-churn; "
        "lifetime-value; spend; next-purchase: when each buys again; recommendations: which products; channel: through which one each "
        "answers; price: who leans to discounts; lead: which prospects, or firms, will order for the first time; best-time: on which "
        "weekday and in which hours each acts; demand: how many units will be wanted.",
    )
    does: Acts = Field(
        default_factory=lambda: Acts(event="Order Completed"),
        description="What people do or do not do, as {event: Order Completed, where: {category: {is: Wine}}}. Default: they order.",
    )
    horizon: Duration | None = Field(
        default=None,
        description="Within which time, in whole days. Default: 90d; of a lifetime value 365d, of next purchases and "
        "recommendations 30d, of answers by channel 7d after the message, of price 60d, of best times 30d, of demand 28d.",
    )
    among: Text = Field(
        default="everybody",
        description="everybody, buyers, prospects (who have not bought yet), or a segment: of whom it is asked. Of leads: prospects "
        "(their default) or accounts, firms of which nobody has ordered.",
    )
    answer: Answer = Field(
        default="click",
        description="Of channels, what counts as an answer to a message: click, open (or click), or order.",
    )
    signal: Signal = Field(
        default="any",
        description="Of best times, what counts as an act: orders, clicks, opens, visits, or any of them.",
    )
    by: By | None = Field(
        default=None,
        description="Of next purchases: person (their default), product or category; of demand: product (its default), category or shop.",
    )
    columns: tuple[FeatureName, ...] = Field(
        default=(),
        description="Features that it may look at; default: all of the catalogue.",
    )
    own: tuple[OwnName, ...] = Field(
        default=(),
        description="Definitions of the kind feature that it looks at besides; of one with several columns, NAME.COLUMN.",
    )
    leave_out: tuple[FeatureName, ...] = Field(
        default=(), description="Features that it must not look at."
    )
    learners: tuple[LearnerKind, ...] = Field(
        default=USUAL_LEARNERS,
        min_length=1,
        description="Which ones try, beside the rule by recency: logistic, forest (random), boosted (trees by LightGBM), xgboost (trees by XGBoost, the extra aimwell[xgboost]).",
    )
    tune: Duration | None = Field(
        default=None,
        description="How long to look for better settings of the learners, all together, as 10m. Default: the usual settings.",
    )
    tries: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="How many settings of each learner to try; with tune, what comes first. Without tune the same seed gives the same model.",
    )
    seed: int = Field(default=0, ge=0, description="The same data and seed, the same model.")
    retrain: Retrains = Field(
        default="quarterly",
        description="How often it is trained anew; also when what it looks at has shifted, or it has become worse. Default: quarterly; of "
        "demand weekly.",
    )
    promote: Promotes = Field(
        default="better",
        description="better: a newer version is used once it is better by more than chance on later people; sign-off: only when a person says so, too.",
    )
    score: bool = Field(
        default=False, description="Each night everybody gets a probability by the version in use."
    )

    @model_validator(mode="after")
    def _fits(self) -> Prediction:
        if self.horizon is not None and self.horizon % _DAY:
            raise ValueError("horizon: whole days, as 90d")
        strange = sorted(self.model_fields_set & (set(_OF_PROPENSITIES) - self._allowed()))
        if strange:
            raise ValueError(f"{', '.join(strange)}: does not go with {self._asked()}")
        for name, asks in _OF_ONE.items():
            if self.asks != asks and name in self.model_fields_set:
                raise ValueError(
                    f"{name}: goes with asks: {asks} alone, not with asks: {self.asks}"
                )
        ways = _BY.get(self.asks, ())
        if self.by is not None and self.by not in ways:
            allowed = f"it is {', '.join(ways)}" if ways else f"does not go with asks: {self.asks}"
            raise ValueError(f"by: {allowed}")
        if self.asks == "lead" and self.whom not in (PROSPECTS, ACCOUNTS):
            raise ValueError("among: of leads it is prospects or accounts")
        if self._of_firms and self.does.where is not None:
            raise ValueError("does: of firms an event alone, without conditions (where)")
        if self.asks == "demand" and self.promote == "sign-off":
            raise ValueError(
                "promote: a forecast holds from its own day on, so its newest version is always used; leave it out"
            )
        if not self.features():
            raise ValueError("leave_out: no feature is left to look at")
        return self

    @property
    def turn(self) -> Retrains:
        """How often it is trained anew."""
        if self.asks == "demand" and "retrain" not in self.model_fields_set:
            return "weekly"
        return self.retrain

    @property
    def rows(self) -> By:
        """By what it is asked."""
        return self.by or _BY[self.asks][0]

    def _allowed(self) -> set[str]:
        """Which of the fields of propensities go with the question."""
        if self.asks not in ("propensity", "lead"):
            return set()
        return set(_OF_FIRMS if self._of_firms else _OF_PROPENSITIES)

    def _asked(self) -> str:
        return f"asks: {self.asks}" + (f" among {ACCOUNTS}" if self._of_firms else "")

    @property
    def _of_firms(self) -> bool:
        return self.asks == "lead" and self.among == ACCOUNTS

    @property
    def whom(self) -> str:
        """Of whom is asked: `among`, or of leads prospects where nothing is said."""
        if self.asks == "lead" and "among" not in self.model_fields_set:
            return PROSPECTS
        return self.among

    def features(self) -> tuple[str, ...]:
        """Those that it may look at, own ones as `own:NAME`."""
        catalogue = (one for one in self.columns or FEATURE_NAMES if one not in self.leave_out)
        return (*catalogue, *(f"{OWN_PREFIX}{name}" for name in self.own))

    def chosen(self) -> tuple[str, ...]:
        """The same, or none where it may look at the whole catalogue and nothing else."""
        return self.features() if self.columns or self.leave_out or self.own else ()

    @property
    def horizon_days(self) -> int:
        """In days."""
        if self.horizon is None:
            return _USUAL_DAYS.get(self.asks, 90)
        return self.horizon // _DAY

    def references(self) -> Iterator[Reference]:
        """The segment of whom is asked, and own features."""
        if self.asks != "lead" and self.among not in ("everybody", "buyers", PROSPECTS):
            yield "among", "segment", self.among
        for place, name in enumerate(self.own):
            yield f"own[{place}]", "feature", name.partition(".")[0]

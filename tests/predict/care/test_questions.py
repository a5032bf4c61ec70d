"""A definition cannot ask something else under the name of a model that answers another question."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from aimwell.definitions.kinds.prediction import Asks, Prediction
from aimwell.errors import DefinitionError
from aimwell.predict.bgnbd import BgNbd
from aimwell.predict.care.questions import kind_asked
from aimwell.predict.care.service import CARES
from aimwell.predict.registry import register_model
from aimwell.workspace.front import Workspace
from shop import day, make_stores

MODEL = BgNbd(r_=0.243, alpha_=4.414, a_=0.793, b_=2.426)
ASKED: dict[str, Any] = {"kind": "prediction", "name": "buy", "horizon": "60d"}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """With models under the names `buy` and `going`; only what they were asked is looked at here."""
    stores = make_stores(tmp_path)
    for name, kind, settings in (
        ("buy", "propensity", {"event": "Order Completed", "horizon_days": 60, "seed": 0}),
        ("going", "churn", {"event": "Order Completed", "horizon_days": 90, "seed": 0}),
    ):
        register_model(
            stores,
            {"part": MODEL},
            name=name,
            kind=kind,  # type: ignore[arg-type]
            as_of=day(1),
            settings=settings,
            metrics={},
            lake_versions={},
            trained_at=day(1),
        )
    return Workspace(stores, clock=lambda: day(2), by="test")


@pytest.mark.parametrize(
    "changed",
    [
        {"horizon": "30d"},
        {"asks": "churn"},
        {"among": "buyers"},
        {"does": {"event": "Product Viewed"}},
        {"does": {"event": "Order Completed", "where": {"category": {"is": "Wine"}}}},
        {"name": "going", "asks": "churn", "horizon": "60d"},
    ],
)
def test_another_question_needs_another_name(workspace: Workspace, changed: dict[str, Any]) -> None:
    workspace.definitions.apply([ASKED])
    with pytest.raises(DefinitionError, match="stands for another model") as refused:
        workspace.definitions.apply([{**ASKED, **changed}], dry_run=True)
    assert "Give it another name" in str(refused.value)
    with pytest.raises(DefinitionError, match="nothing was taken"):
        workspace.definitions.apply([{**ASKED, **changed}])
    assert workspace.definitions.names("prediction") == [("prediction", "buy")]
    other = {**ASKED, **changed, "name": "other"}
    assert workspace.definitions.apply([other])[0].action == "created"


def test_how_it_is_answered_may_change(workspace: Workspace) -> None:
    workspace.definitions.apply([ASKED])
    more = {"learners": ["logistic"], "retrain": "weekly", "columns": ["recency_days"], "seed": 3}
    assert workspace.definitions.apply([{**ASKED, **more}])[0].action == "updated"
    going = {**ASKED, "name": "going", "asks": "churn", "horizon": "90d"}
    assert workspace.definitions.apply([going])[0].action == "created"


def test_every_question_has_a_kind_of_model() -> None:
    wanted = [Prediction(name="one", asks=asks) for asks in get_args(Asks)]
    wanted.append(Prediction(name="firms", asks="lead", among="accounts"))
    assert {kind_asked(one) for one in wanted} == {"propensity", *CARES}


@pytest.mark.parametrize(
    ("kind", "settings", "asked", "changed"),
    [
        ("demand", {"by": "product"}, {"asks": "demand"}, {"by": "category"}),
        ("next_purchase", {"by": "person"}, {"asks": "next-purchase"}, {"by": "product"}),
        ("best_time", {"signal": "any"}, {"asks": "best-time"}, {"signal": "opens"}),
        ("channel_preference", {"answer": "click"}, {"asks": "channel"}, {"answer": "open"}),
    ],
)
def test_what_a_question_is_asked_by_belongs_to_it(
    workspace: Workspace,
    kind: Any,
    settings: dict[str, Any],
    asked: dict[str, Any],
    changed: dict[str, Any],
) -> None:
    register_model(
        workspace.stores,
        {"part": MODEL},
        name="other",
        kind=kind,
        as_of=day(1),
        settings={**settings, "horizon_days": 28},
        metrics={},
        lake_versions={},
        trained_at=day(1),
    )
    document = {"kind": "prediction", "name": "other", "horizon": "28d", **asked}
    workspace.definitions.apply([document])
    with pytest.raises(DefinitionError, match="stands for another model"):
        workspace.definitions.apply([{**document, **changed}])

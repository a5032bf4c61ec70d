"""`aimwell predict models`: what there is, the one figure by which each is known, and which version a bare name means."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from aimwell.cli.context import JsonOption, Opened, WorkspaceOption, opened
from aimwell.predict.card_propensity import chosen_candidate
from aimwell.predict.card_responses import gain_worth
from aimwell.predict.card_spend import whole_way
from aimwell.predict.card_words import figure
from aimwell.predict.recommend.words import recommender_worth
from aimwell.predict.registry import RegisteredModel, find_model, list_models, models_in_use

__all__ = ["models"]

_STANDS = {"better": "better", "worse": "worse", "cannot tell": "no better"}
"""How a version stands to the dull rule, chance counted."""


def models(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """List the models."""
    with opened(workspace, as_json=as_json) as ws:
        found = list_models(ws.stores)
        meant = {name: find_model(ws.stores, name).label for name in {one.name for one in found}}
        promoted = {one.label for one in models_in_use(ws.stores)}
        if as_json:
            ws.output.json(
                [
                    {
                        **_brief(ws, one),
                        "in_use": meant[one.name] == one.label,
                        "promoted": one.label in promoted,
                    }
                    for one in found
                ]
            )
            return
        if not found:
            ws.output.say("There is no model yet. Train one with: aimwell predict propensity")
            return
        ws.output.table(
            ["model", "as of", "trained", "on a later period", "in use"],
            [
                (
                    one.label,
                    f"{ws.local(one.as_of):%Y-%m-%d %H:%M}",
                    f"{ws.local(one.trained_at):%Y-%m-%d %H:%M}",
                    _worth(one),
                    _use(one, meant, promoted),
                )
                for one in found
            ],
        )
        if not {*meant.values()} <= promoted:
            ws.output.note(
                "Not promoted: the name means the newest version. GET /api/scores tells only what was promoted, with: "
                "aimwell predict promote MODEL@VERSION --why …"
            )


def _worth(entry: RegisteredModel) -> str:
    """The one figure by which a model is known."""
    metrics = entry.metrics
    if entry.kind in ("propensity", "account_leads", "churn", "subscription_churn"):
        chosen = chosen_candidate(metrics)
        return f"AUC {chosen['later']['auc']['estimate']:.3f}"
    if entry.kind == "spend":
        return f"correlation {figure(whole_way(metrics)['check']['correlation'], '.2f')}"
    if entry.kind == "recommender":
        return recommender_worth(metrics)
    if entry.kind == "next_purchase":
        found = metrics["check"]
        return (
            "not checked"
            if found is None
            else f"{_STANDS[found['verdict']]} than everybody's waits"
        )
    if entry.kind == "demand":
        return f"{_STANDS[metrics['check']['verdict']]} than seasonal naive"
    if entry.kind == "best_time":
        judged = [f"{one['kind']} {_STANDS[one['verdict']]}" for one in metrics["judged"]]
        return ", ".join(judged) or "not judged"
    if entry.kind in ("channel_preference", "discount_seeking"):
        return gain_worth(metrics["judged"])
    if entry.kind != "lifetime_value":
        return "–"
    check = metrics["check"]
    if check is None or check["money"]["correlation"]["value"] is None:
        return "not checked"
    return f"correlation {check['money']['correlation']['value']:.2f}"


def _use(entry: RegisteredModel, meant: Mapping[str, str], promoted: Collection[str]) -> str:
    """Whether the bare name means the version, and whether somebody wanted it so."""
    if meant[entry.name] != entry.label:
        return ""
    return "yes" if entry.label in promoted else "not promoted"


def _brief(ws: Opened, entry: RegisteredModel) -> dict[str, Any]:
    return {
        "name": entry.name,
        "version": entry.version,
        "kind": entry.kind,
        "as_of": ws.local(entry.as_of),
        "trained_at": entry.trained_at,
        "settings": entry.settings,
        "worth": _worth(entry),
    }

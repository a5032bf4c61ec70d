"""Parts of what `aimwell measure report` prints: actions, waves, stops."""

from __future__ import annotations

from aimwell.cli.output import Output
from aimwell.measure.model import CampaignResult
from aimwell.measure.report_series import series_table, stop_rows
from aimwell.measure.report_tables import action_rows, chosen_rows, why_not_chosen

__all__ = ["show_actions", "show_series", "show_stops"]


def show_actions(out: Output, result: CampaignResult) -> None:
    """Each action against the held-out, where there are several, and why where one has no figure; and among those for whom it was chosen."""
    if len(result.actions) > 1:
        _show_each(out, result)
    _show_chosen(out, result)


def _show_each(out: Output, result: CampaignResult) -> None:
    rows = action_rows(result.actions, result)
    out.say()
    out.heading("By action")
    out.table(
        ["action", "people", f"{result.actions[0].metric} added per person", "between", "p"],
        [
            (
                row["name"],
                row["people"],
                row["difference"],
                "–" if row["interval"].startswith("missing") else row["interval"],
                row["p"],
            )
            for row in rows
        ],
    )
    for row in rows:
        if row["interval"].startswith("missing"):
            out.say(f"  {row['name']}: {row['interval']}")
        elif row["effective"]:
            out.say(
                f"  {row['name']}: weighed by people's chances of it, its people tell as much as {row['effective']}"
            )
            if row["of_all"]:
                out.say(f"    profit {row['of_all']}")


def _show_chosen(out: Output, result: CampaignResult) -> None:
    """What each action earned among those for whom it was chosen, where a policy chose."""
    rows = chosen_rows(result.actions, result)
    if not rows:
        reason = why_not_chosen(result.actions)
        if reason:
            out.say(
                f"  What each action earned among those for whom it was chosen is not known: {reason}."
            )
        return
    out.say()
    out.heading("Among those for whom it was chosen")
    out.table(
        ["action", "people", "held out", f"{rows[0]['metric']} added per person", "between", "profit added", "between"],
        [
            (row["name"], row["people"], row["held_out"], row["difference"], row["interval"] or "–", row["profit"], row["range"] or "–")
            for row in rows
        ],
    )  # fmt: skip
    for row in rows:
        if row["missing"]:
            out.say(f"  {row['name']}: missing: {row['missing']}")
        if row["got"]:
            out.say(
                f"  {row['name']}: {row['got']} of the {row['people']} got it, the limits gave the others something else or nothing"
            )
        if row["before"] and not row["missing"]:
            out.say(
                f"  {row['name']}: {row['before']} more stood in earlier waves and are not compared"
            )


def show_series(out: Output, result: CampaignResult) -> None:
    """What the waves of a campaign that runs on say together."""
    series = result.series
    if series is None:
        return
    out.say()
    out.heading(series.sentence)
    out.table(
        [f"{series.metric} per person", "waves", "together", "between", "a next wave", "I²"],
        [
            (r["name"], r["waves"], r["mean"], r["interval"], r["ahead"], r["spread"])
            for r in series_table(series, result.currency)
        ],
    )
    for note in series.notes:
        out.say(f"  {note}")


def show_stops(out: Output, result: CampaignResult) -> None:
    """Guardrails that stopped the campaign, and who let it go on."""
    for row in stop_rows(result):
        went_on = (
            "It stands."
            if row["open"]
            else f"Let go on {row['resumed']} by {row['by']}: {row['reason']}"
        )
        out.say()
        out.say(f"Stopped {row['when']} by its guardrail {row['guardrail']}. {row['words']}")
        out.say(f"  {went_on}")

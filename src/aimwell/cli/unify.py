"""`aimwell unify`: who is one person."""

from __future__ import annotations

from aimwell.cli.context import JsonOption, WorkspaceOption, opened
from aimwell.history.current import bring_up_to_date as run_unify

__all__ = ["unify"]


def unify(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Join what belongs to one person and refresh what is known of each. Collecting does this by itself."""
    with opened(workspace, as_json=as_json) as ws:
        report = run_unify(ws.stores, now=ws.now)
        if as_json:
            ws.output.json(report)
        ws.output.table(
            ["people", ""],
            [
                ("profiles", report.profiles),
                ("of them prospects (no purchase yet)", report.prospects),
                ("of them joined from several identities", report.merged_profiles),
                ("identities", report.origins),
            ],
        )
        for kind, number in report.shared.items():
            ws.output.note(
                f"{number:,} identifiers of kind {kind} are shared by too many people to be one person's; "
                "they join nobody."
            )

"""`aimwell deliver`: send a plan, watch it, pause it, stop everything, preview and test."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from aimwell.cli.context import JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.whole_file import write_whole
from aimwell.decide.campaign_parts import CampaignParts, parts_of_plan, read_parts
from aimwell.decide.public_address import address_warning
from aimwell.decide.stored import load_plan
from aimwell.deliver import service
from aimwell.deliver.jobs import send_in_background
from aimwell.deliver.model import Stopped
from aimwell.deliver.service import DeliveryStatus
from aimwell.deliver.switches import set_sending
from aimwell.errors import DeliverError
from aimwell.unify.lookup import find_profile

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Send a plan, watch it, stop it.")

PlanArgument = Annotated[str, typer.Argument(help="Id of the plan, or latest:CAMPAIGN.")]
Action = Annotated[
    str | None, typer.Option(help="One of the campaign's actions; default: the first.")
]
Variant = Annotated[
    str | None, typer.Option(help="One of the content variants; default: the first.")
]
Person = Annotated[
    str,
    typer.Option(
        "--as", help="Person: profile id, customer id, e-mail address or telephone number."
    ),
]


@app.command("run")
def run(
    plan_id: PlanArgument,
    through_smtp: Annotated[
        bool,
        typer.Option(
            "--through-smtp", help="Let a trial use its mail server, to made-up addresses only."
        ),
    ] = False,
    background: Annotated[
        bool, typer.Option("--background", help="Leave it to the workers (aimwell run).")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Execute an approved plan and send what is due. Run it again to go on after an interruption."""
    with opened(workspace, as_json=as_json) as ws:
        plan = load_plan(ws.stores.control, plan_id)
        if background:
            number = send_in_background(ws.stores, plan.plan_id, by=ws.by)
            ws.output.say(f"Job {number} waits for a worker (aimwell run).")
            _show(ws, service.status(ws.stores, plan.plan_id), job=number)
            return
        if plan.state in {"planned", "approved", "sending"}:
            service.execute(ws.stores, plan.plan_id, now=ws.now, by=ws.by)
            _warn(ws, parts_of_plan(plan.document), trial=plan.trial)
        with ws.output.progress("Sending") as step:
            found = service.run_sending(
                ws.stores,
                plan.plan_id,
                progress=lambda done, all_: step(done, all_),
                through_smtp=through_smtp,
            )
        _show(ws, found)
        if found.trouble is not None:
            raise DeliverError(
                f"{found.trouble} What has not been sent waits; run this again: aimwell deliver run {plan.plan_id}"
            )


@app.command("status")
def status(
    plan_id: PlanArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> None:
    """Show where a plan stands: messages by state and reason."""
    with opened(workspace, as_json=as_json) as ws:
        _show(ws, service.status(ws.stores, plan_id))


@app.command("pause")
def pause(
    plan_id: PlanArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> None:
    """Stop sending a plan for now."""
    with opened(workspace, as_json=as_json) as ws:
        service.pause(ws.stores, plan_id, now=ws.now, by=ws.by)
        _show(ws, service.status(ws.stores, plan_id))


@app.command("resume")
def resume(
    plan_id: PlanArgument,
    reason: Annotated[
        str | None,
        typer.Option(help="Why it may go on, where a guardrail stopped it; it is written down."),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a paused plan go on; `aimwell deliver run` sends the rest."""
    with opened(workspace, as_json=as_json) as ws:
        service.resume(ws.stores, plan_id, now=ws.now, by=ws.by, reason=reason)
        _show(ws, service.status(ws.stores, plan_id))


@app.command("cancel")
def cancel(
    plan_id: PlanArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> None:
    """Give a plan up; what has not left will not."""
    with opened(workspace, as_json=as_json) as ws:
        service.cancel(ws.stores, plan_id, now=ws.now, by=ws.by)
        _show(ws, service.status(ws.stores, plan_id))


@app.command("stop-all")
def stop_all(
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Switch all sending off, at once, for every plan."""
    with opened(workspace, as_json=as_json) as ws:
        set_sending(ws.stores, False, now=ws.now, by=ws.by, reason=reason or None)
        if as_json:
            ws.output.json({"sending": False, "reason": reason or None})
        ws.output.say(
            "All sending is switched off. Switch it on again with: aimwell deliver start-all"
        )


@app.command("start-all")
def start_all(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Switch sending on again."""
    with opened(workspace, as_json=as_json) as ws:
        set_sending(ws.stores, True, now=ws.now, by=ws.by)
        if as_json:
            ws.output.json({"sending": True})
        ws.output.say("Sending is switched on.")


@app.command("preview")
def preview(
    campaign: Annotated[str, typer.Argument(help="Campaign definition.")],
    person: Person,
    action: Action = None,
    variant: Variant = None,
    plan_id: Annotated[
        str | None,
        typer.Option(
            "--plan",
            help="The message as this plan holds it (its id, or latest:CAMPAIGN); default: by the campaign as it is now.",
        ),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write the HTML here, to look at in a browser.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a campaign's message as one person would get it."""
    with opened(workspace, as_json=as_json) as ws:
        profile = find_profile(ws.stores, person)
        made = service.preview(
            ws.stores,
            campaign,
            profile,
            now=ws.now,
            by=ws.by,
            action=action,
            variant=variant,
            plan_id=plan_id,
        )
        if isinstance(made, Stopped):
            raise DeliverError(f"This person would get no message: {made.reason}")
        if html is not None and made.html:
            write_whole(html, made.html, option="--html")
        if as_json:
            ws.output.json(
                {
                    "subject": made.subject,
                    "preheader": made.preheader,
                    "html": made.html,
                    "text": made.text,
                }
            )
        ws.output.heading(made.subject)
        ws.output.say(made.text)
        if html is not None:
            ws.output.say(
                f"Written to {html}."
                if made.html
                else f"The message is text alone, so nothing was written to {html}."
            )


@app.command("test")
def send_a_test(
    campaign: Annotated[str, typer.Argument(help="Campaign definition.")],
    to: Annotated[str, typer.Option(help="Your own address.")],
    person: Person,
    action: Action = None,
    variant: Variant = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send one message to your own address, as a person of the audience would get it."""
    with opened(workspace, as_json=as_json) as ws:
        _warn(ws, read_parts(ws.stores.control, campaign), trial=False)
        profile = find_profile(ws.stores, person)
        reply = service.send_test(
            ws.stores,
            campaign,
            to=to,
            as_profile=profile,
            now=ws.now,
            by=ws.by,
            action=action,
            variant=variant,
        )
        if as_json:
            ws.output.json({"campaign": campaign, "sent": True, "reply": reply})
        ws.output.say(f"The test message went out ({reply}).")


def _warn(ws: Opened, parts: CampaignParts, *, trial: bool) -> None:
    warning = address_warning(parts, ws.stores.settings, trial=trial)
    if warning is not None:
        ws.output.note(f"Warning: {warning}")


def _show(ws: Opened, found: DeliveryStatus, **more: int) -> None:
    if ws.output.as_json:
        ws.output.json({**asdict(found), "total": found.all, **more})
        return
    kind = " (trial)" if found.trial else ""
    ws.output.heading(f"Plan {found.plan_id}{kind}: {found.state}")
    rows = [
        (state, reason or "", number)
        for state, reasons in sorted(found.messages.items())
        for reason, number in sorted(reasons.items())
    ]
    ws.output.table(["messages", "why", "number"], rows)
    if found.stopped:
        ws.output.note(
            f"A guardrail stopped it. {found.stopped} Let it go on with: aimwell deliver resume {found.plan_id} --reason '…'"
        )
    elif found.state == "paused":
        ws.output.say(f"It waits until: aimwell deliver resume {found.plan_id}")
    elif found.next_due_at is not None and found.total("queued"):
        ws.output.say(f"The next message is due {found.next_due_at:%Y-%m-%d %H:%M %Z}.")
    if not found.sending_on:
        ws.output.note("All sending is switched off (aimwell deliver start-all).")

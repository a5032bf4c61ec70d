"""`aimwell decide offer`, `codes`, `redemptions` and `points`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from aimwell.cli.context import AsOfOption, JsonOption, WorkspaceOption, opened
from aimwell.cli.whole_file import write_whole
from aimwell.decide import loyalty
from aimwell.decide.offers import codes
from aimwell.decide.offers.redemptions import redemptions as redeemed
from aimwell.decide.offers.referrals import STANDINGS, pay_referrals
from aimwell.decide.offers.referrals import referrals as brought
from aimwell.decide.offers.service import offer_cost
from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.loyalty import Loyalty
from aimwell.definitions.kinds.offer import Offer
from aimwell.errors import DecideError
from aimwell.stats.estimate import Estimate
from aimwell.unify.lookup import find_profile

__all__ = ["add", "codes_app", "make", "offer", "points", "redemptions", "referrals"]

codes_app = typer.Typer(
    no_args_is_help=True, help="Codes of one's own: add them, make them, see them."
)

OfferArgument = Annotated[str, typer.Argument(help="Offer definition.")]


def offer(
    name: OfferArgument,
    days: Annotated[int, typer.Option(min=1, max=3650, help="Orders of so many days before.")] = 30,
    segment: Annotated[
        str | None, typer.Option(help="Only people of this segment, as it was then.")
    ] = None,
    contact_cost: Annotated[
        float, typer.Option(min=0, max=1e13, help="Cost of one message.")
    ] = 0.0,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what an offer would cost: who would have bought anyway takes it too."""
    with opened(workspace, as_json=as_json) as ws:
        wanted = definitions.find(ws.stores.control, Offer, name)
        with ws.output.progress("Reading orders"):
            found = offer_cost(
                ws.stores,
                wanted,
                as_of=ws.moment(as_of) or ws.now,
                days=days,
                segment=segment,
                contact_cost=contact_cost,
            )
        if as_json:
            ws.output.json({"offer": name, **found.to_dict()})
            return
        money = ws.stores.settings.currency
        ws.output.heading(f"Offer {name}")
        ws.output.say(
            f"Worked out from {found.orders:,} orders of {found.people:,} people in {days} days, as if nobody had "
            "bought differently."
        )
        ws.output.table(
            ["", "figure", "95 % interval"],
            [
                ("orders that would redeem it", *_shown(found.qualifying, share=True)),
                (f"cost of one redemption ({money})", *_shown(found.per_order)),
                (f"cost a person, bought anyway ({money})", *_shown(found.anyway)),
                (f"margin of such an order ({money})", *_shown(found.margin)),
            ],
        )
        needed = found.break_even
        if needed.value is None:
            ws.output.say(f"When it pays cannot be said: {needed.reason}.")
        else:
            ws.output.say(
                f"It pays once it adds more than {needed.value * 1000:,.1f} orders for each 1,000 people contacted."
            )


def _shown(figure: Estimate, *, share: bool = False) -> tuple[str, str]:
    if figure.estimate is None:
        return "–", figure.reason or ""
    as_text = "{:.1%}" if share else "{:,.2f}"
    bounds = f"{as_text.format(figure.lower)} to {as_text.format(figure.upper)}"
    return as_text.format(figure.estimate), bounds


@codes_app.command("list")
def pools(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """List the pools: how many codes each has, and how many are free."""
    with opened(workspace, as_json=as_json) as ws:
        found = codes.pools(ws.stores.control)
        if as_json:
            ws.output.json([{"offer": p.offer, "codes": p.codes, "free": p.free} for p in found])
        ws.output.table(
            ["offer", "codes", "handed out", "free"],
            [(p.offer, p.codes, p.codes - p.free, p.free) for p in found],
        )


@codes_app.command("add")
def add(
    name: OfferArgument,
    file: Annotated[Path, typer.Argument(help="Text file with one code a line.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add codes from a file to an offer's pool; what is there already stays as it is."""
    with opened(workspace, as_json=as_json) as ws:
        _pooled(definitions.find(ws.stores.control, Offer, name))
        try:
            text = file.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise DecideError(
                f"{file} cannot be read: {error.strerror}. Name a text file with one code a line."
            ) from None
        except UnicodeDecodeError:
            raise DecideError(
                f"{file.name} is not text in UTF-8. Save it as UTF-8, with one code a line."
            ) from None
        new, known = codes.add(ws.stores, name, text.splitlines(), now=ws.now, by=ws.by)
        if as_json:
            ws.output.json({"offer": name, "new": new, "known": known})
        ws.output.say(f"{new:,} codes are new, {known:,} were there already.")


@codes_app.command("make")
def make(
    name: OfferArgument,
    count: Annotated[int, typer.Argument(min=1, max=10_000_000, help="How many.")],
    prefix: Annotated[str, typer.Option(help="What each begins with, as SPRING-.")] = "",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make codes that nobody can guess. The shop must be told of them: see `decide codes export`."""
    with opened(workspace, as_json=as_json) as ws:
        _pooled(definitions.find(ws.stores.control, Offer, name))
        with ws.output.progress("Making codes"):
            made = codes.generate(ws.stores, name, count, now=ws.now, by=ws.by, prefix=prefix)
        if as_json:
            ws.output.json({"offer": name, "new": made})
        ws.output.say(
            f"{made:,} codes were made. Give the shop the list: aimwell decide codes export {name} FILE"
        )


@codes_app.command("export")
def export(
    name: OfferArgument,
    file: Annotated[Path, typer.Argument(dir_okay=False, help="Written anew, one code a line.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write all codes of an offer to a file, for the shop's checkout; not who has them."""
    with opened(workspace, as_json=as_json) as ws:
        definitions.find(ws.stores.control, Offer, name)
        found = codes.all_codes(ws.stores.control, name)
        write_whole(file, "".join(f"{code}\n" for code in found), option="FILE", private=True)
        ws.stores.audit("export codes", actor=ws.by, subject=name, codes=len(found))
        if as_json:
            ws.output.json({"offer": name, "codes": len(found)})
        ws.output.say(f"{len(found):,} codes were written.")


def _pooled(found: Offer) -> None:
    if found.codes is None:
        raise DecideError(
            f"The offer '{found.name}' has no pool of codes. Write `codes: {{pool: unique}}` into it (in place of "
            "`code`) and apply it."
        )


def redemptions(
    name: OfferArgument,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show who redeemed an offer: orders with its code, at the till too, by plan, and whether the code was theirs."""
    with opened(workspace, as_json=as_json) as ws:
        wanted = definitions.find(ws.stores.control, Offer, name)
        table = redeemed(ws.stores, wanted, as_of=ws.moment(as_of) or ws.now)
        rows = table.to_pylist()
        if as_json:
            ws.output.json(rows)
            return
        counts = [
            ("orders with a code of it", len(rows)),
            ("  by the person who got the code", sum(row["own_code"] is True for row in rows)),
            ("  by somebody else", sum(row["own_code"] is False for row in rows)),
            ("  by nobody known", sum(row["profile_id"] is None for row in rows)),
            ("  out of its time", sum(not row["in_time"] for row in rows)),
            ("  in a shop that is named", sum(row["shop_id"] is not None for row in rows)),
        ]
        ws.output.table(["", "orders"], counts)


def referrals(
    name: OfferArgument,
    pay: Annotated[
        bool,
        typer.Option("--pay", help="Give the points or codes of all that are due; never twice."),
    ] = False,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what people's own codes have brought: which orders earn the reward, which wait, which are refused and why."""
    with opened(workspace, as_json=as_json) as ws:
        wanted = definitions.find(ws.stores.control, Offer, name)
        if pay and as_of is not None:
            raise DecideError("Rewards are paid as of now: leave --as-of out with --pay.")
        paid = None
        if pay:
            found, paid = pay_referrals(ws.stores, wanted, now=ws.now, by=ws.by)
        else:
            found = brought(ws.stores, wanted, as_of=ws.moment(as_of) or ws.now)
        counts = Counter(one.standing for one in found)
        if as_json:
            ws.output.json({"offer": name, "orders": dict(counts), "paid": paid})
            return
        ws.output.table(
            ["orders with a person's code", "orders"],
            [
                (words, counts[standing])
                for standing, words in STANDINGS.items()
                if counts[standing]
            ],
        )
        if paid is not None:
            ws.output.say(f"{paid:,} rewards were paid now.")


def points(
    programme: Annotated[str, typer.Argument(help="Loyalty definition.")],
    person: Annotated[
        str | None,
        typer.Argument(
            help="Who: a profile id, customer id or address; without one, what orders earned is written."
        ),
    ] = None,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the points that orders earned, or show what a person has."""
    with opened(workspace, as_json=as_json) as ws:
        rule = definitions.find(ws.stores.control, Loyalty, programme)
        if person is None:
            new = loyalty.earn(ws.stores, rule, now=ws.now)
            if as_json:
                ws.output.json({"programme": programme, "new": new})
            ws.output.say(f"{new:,} new entries in '{programme}'.")
            return
        profile = find_profile(ws.stores, person)
        at = loyalty.standing(ws.stores, rule, profile, as_of=ws.moment(as_of) or ws.now)
        if as_json:
            ws.output.json(
                {
                    "balance": at.balance,
                    "earned": at.earned,
                    "spent": at.spent,
                    "expired": at.expired,
                    "next_expiry": at.next_expiry and list(at.next_expiry),
                    "tier": at.tier,
                }
            )
            return
        ws.output.table(
            ["points", ""],
            [
                ("can be spent", at.balance),
                ("earned so far", at.earned),
                ("spent", at.spent),
                ("expired", at.expired),
                ("tier", at.tier or "none yet"),
            ],
        )

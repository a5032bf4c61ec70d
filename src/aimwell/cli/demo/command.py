"""The demo: two campaigns on a simulated shop, of which the second learns from the first, and the truth about both."""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from aimwell.cli.demo.page import learning_words, loop_html
from aimwell.cli.demo.stages import MARGIN_DEFAULT, Campaigned, Demo, campaign, collected, known
from aimwell.cli.demo.ways import AS_PLANNED, Way, ways_of_choosing, worth_of_learning
from aimwell.cli.output import Output
from aimwell.cli.serve import address_of, listen, run_server
from aimwell.errors import WorkspaceError
from aimwell.measure.formatting import money
from aimwell.settings import FILE_NAME
from aimwell.simulate import ShopSpec, open_shop
from aimwell.store.stores import create_stores

__all__ = ["demo"]

FIRST, SECOND = "demo", "demo-again"
_EFFECT = 2.5
"""Contact moves more people than in the usual simulated shop, so that one campaign has something to teach the next."""
# The same workspace key in every demo, so that the same seed holds out the same people.
_IDENTITY_KEY = bytes.fromhex("a1" * 32)


def demo(
    folder: Annotated[Path, typer.Option(help="Where to make the workspace.")] = Path("demo-shop"),
    people: Annotated[
        int, typer.Option(min=500, max=2_000_000, help="People of the simulated shop.")
    ] = 20_000,
    seed: Annotated[int, typer.Option(min=0, help="Another seed is another shop.")] = 7,
    serve: Annotated[
        bool, typer.Option("--serve/--no-serve", help="Serve the report at the end.")
    ] = True,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to serve on; 0 takes a free one.")
    ] = 8400,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write one JSON document to stdout; implies --no-serve.")
    ] = False,
) -> None:
    """Run the whole loop twice on a simulated shop, and compare what was measured with the truth."""
    output = Output(as_json=as_json)
    if (folder / FILE_NAME).exists():
        raise WorkspaceError(
            f"{folder} holds a workspace already. Remove it, or name another folder: aimwell demo --folder demo-2"
        )
    started = time.perf_counter()
    spec = ShopSpec(people=people, seed=seed, effect_strength=_EFFECT)
    stores = create_stores(
        folder,
        identity_key=_IDENTITY_KEY,
        currency=spec.currency,
        timezone="UTC",
        country="GB",
        margin_default=MARGIN_DEFAULT,
    )
    run = Demo(folder, output, spec, open_shop(spec), stores, spec.end, spec.end)
    try:
        output.say(
            f"A simulated shop of {people:,} people, seed {seed}. Nobody real is in it, and nobody is written to."
        )
        collected(run)
        known(run)
        first = campaign(run, FIRST, words="whom to write to, and whom to hold out to compare")
        second = campaign(
            run, SECOND, words="the same two, by what the first campaign taught", again=" again"
        )
        ways = ways_of_choosing(run, second)
    finally:
        stores.close()
    run.facts["seconds"]["all"] = round(time.perf_counter() - started, 2)
    page = first.report.with_name("loop.html")
    page.write_text(
        loop_html(
            [("The first, at random", first), ("The second, as learnt", second)],
            ways,
            people=people,
            seed=seed,
        ),
        encoding="utf-8",
    )
    _note(run, first, second, ways, page)
    if as_json:
        output.json(run.facts)
        return
    _close(run, first, second, ways, page)
    if serve:
        _serve(run, page, port)


def _note(
    run: Demo, first: Campaigned, second: Campaigned, ways: Sequence[Way], page: Path
) -> None:
    """Keep what `--json` tells: of the first campaign at the top, of the second under `again`."""
    run.facts["measure"] = _measured(first)
    run.facts |= {**_figures(first), "workspace": str(run.root), "loop": str(page)}
    run.facts["again"] = {
        "measure": _measured(second),
        **_figures(second),
        "ways": [way.to_dict() for way in ways],
        "learning_added": worth_of_learning(ways),
    }


def _measured(done: Campaigned) -> dict[str, Any]:
    result, truth = done.result, done.result.truth
    return {
        "sentence": result.sentence,
        "verdict": result.verdict,
        "revenue_added": _interval(result.lifts["revenue"].total),
        "profit_added": _interval(result.profit),
        "true_revenue_added": truth.revenue if truth else None,
        "true_profit_added": truth.profit if truth else None,
        "method": result.lifts["revenue"].choice.method,
    }


def _figures(done: Campaigned) -> dict[str, Any]:
    result, truth = done.result, done.result.truth
    return {
        "holdout": result.control.people,
        "treated": result.treated.people,
        "lift": _interval(result.lifts["revenue"].total),
        "true_effect": truth.revenue if truth else None,
        "report": str(done.report),
    }


def _interval(one: Any) -> dict[str, Any]:
    return {
        "estimate": one.estimate,
        "lower": one.lower,
        "upper": one.upper,
        "confidence": one.confidence,
        "reason": one.reason,
    }


def _close(
    run: Demo, first: Campaigned, second: Campaigned, ways: Sequence[Way], page: Path
) -> None:
    out, currency = run.output, run.spec.currency
    out.say()
    out.heading("What both campaigns earned")
    out.table(
        ["", "", "measured", "95 % interval", "the truth", "in it"],
        [
            row
            for words, done in (("1 at random", first), ("2 as learnt", second))
            for row in _beside(words, done)
        ],
    )
    out.say()
    out.heading("What the second campaign would truly have added, its people chosen otherwise")
    out.table(
        ["", "messages", "profit added"],
        [
            (
                f"{'→' if way.name == AS_PLANNED else ' '} {way.name}",
                way.messages,
                money(way.profit, currency),
            )
            for way in ways
        ],
    )
    out.say(learning_words(ways, currency))
    out.say()
    out.say(f"The reports    {page}")
    for done in (first, second):
        out.say(f"               {done.report}")
    out.say(f"The workspace  {run.root}   (documents, lake, models, outbox)")
    # Who ran `make demo` has no `aimwell` on the path until the environment is activated.
    call = "aimwell" if shutil.which("aimwell") else sys.argv[0]
    out.say(f"Go on with     {call} -h, or with your own orders: {call} init shop (see the README)")
    out.say(f"Look around    {call} decide explain latest:{SECOND} -w {run.root}")


def _beside(words: str, done: Campaigned) -> list[tuple[str, ...]]:
    """Rows of what was measured of a campaign beside the truth."""
    result, truth, currency = done.result, done.result.truth, done.result.currency
    if truth is None:
        return []
    rows: list[tuple[str, ...]] = []
    for name, one, true in (
        ("revenue added", result.lifts["revenue"].total, truth.revenue),
        ("profit added", result.profit, truth.profit),
    ):
        if one.estimate is None or one.lower is None or one.upper is None or true is None:
            continue
        rows.append(
            (
                "" if rows else words,
                name,
                money(one.estimate, currency),
                f"{money(one.lower, currency)} to {money(one.upper, currency)}",
                money(true, currency),
                "yes" if one.lower <= true <= one.upper else "no (one in twenty is not)",
            )
        )
    return rows


def _serve(run: Demo, report: Path, port: int) -> None:
    try:
        listener = listen("127.0.0.1", port)
    except WorkspaceError:  # somebody else is there; any port will do to look at a report
        listener = listen("127.0.0.1", 0)
    address = f"{address_of(listener)}/reports/{report.name}"

    def started() -> None:
        run.output.say()
        run.output.heading(f"Look at it: {address}")
        run.output.say("(The links in the messages work too. Ctrl-C ends the server.)")
        with contextlib.suppress(webbrowser.Error):
            webbrowser.open(address)

    run_server(run.root, listener, reports=True, started=started)

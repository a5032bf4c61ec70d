"""The demo step by step: seven stages in a simulated time, a report, and the truth."""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
import webbrowser
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from aimwell.cli.context import user_name
from aimwell.cli.demo.rehearsal import play_back, sent_messages, true_lift, write_answers
from aimwell.cli.output import Output
from aimwell.cli.serve import address_of, listen, run_server
from aimwell.collect.service import collect
from aimwell.decide.detectable import in_words
from aimwell.decide.model import Detectable, Plan
from aimwell.decide.service import approve, plan
from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.source import Source
from aimwell.definitions.reading import read_documents
from aimwell.deliver import service as deliver
from aimwell.errors import WorkspaceError
from aimwell.history.current import bring_up_to_date
from aimwell.history.moment import open_moment
from aimwell.measure.formatting import money
from aimwell.measure.model import CampaignResult, Truth
from aimwell.measure.service import measure, store_report
from aimwell.predict.service import fit_lifetime_value, train_propensity
from aimwell.segment.membership.refreshing import refresh
from aimwell.segment.rfm import rfm
from aimwell.settings import FILE_NAME
from aimwell.simulate import Shop, ShopSpec, open_shop, write_sources
from aimwell.store.stores import Stores, create_stores

__all__ = ["demo"]

CAMPAIGN = "demo"
_MARGIN_DEFAULT = 0.45
_DOCUMENTS = ("source.yaml", "definitions.yaml")
# The same workspace key in every demo, so that the same seed holds out the same people.
_IDENTITY_KEY = bytes.fromhex("a1" * 32)


@dataclass
class _Demo:
    """What the steps share. `now` is the simulated present."""

    root: Path
    output: Output
    spec: ShopSpec
    shop: Shop
    stores: Stores
    now: datetime
    facts: dict[str, Any] = field(default_factory=dict)
    steps: int = 0
    by: str = field(default_factory=user_name)

    @contextlib.contextmanager
    def step(self, stage: str, words: str) -> Iterator[None]:
        """A stage that says that it has begun, and how long it took."""
        self.steps += 1
        started = time.perf_counter()
        self.output.say()
        self.output.heading(f"{self.steps}  {stage}: {words}")
        with self.output.progress(words):
            yield
        seconds = time.perf_counter() - started
        self.facts.setdefault("seconds", {})[stage] = round(seconds, 2)
        self.output.say(f"   ({seconds:.1f} s)")


def demo(
    folder: Annotated[Path, typer.Option(help="Where to make the workspace.")] = Path("demo-shop"),
    people: Annotated[
        int, typer.Option(min=200, max=2_000_000, help="People of the simulated shop.")
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
    """Run the whole loop on a simulated shop, and compare what was measured with the truth."""
    output = Output(as_json=as_json)
    if (folder / FILE_NAME).exists():
        raise WorkspaceError(
            f"{folder} holds a workspace already. Remove it, or name another folder: aimwell demo --folder demo-2"
        )
    started = time.perf_counter()
    spec = ShopSpec(people=people, seed=seed)
    stores = create_stores(
        folder,
        identity_key=_IDENTITY_KEY,
        currency=spec.currency,
        timezone="UTC",
        country="GB",
        margin_default=_MARGIN_DEFAULT,
    )
    run = _Demo(folder, output, spec, open_shop(spec), stores, spec.end)
    try:
        output.say(
            f"A simulated shop of {people:,} people, seed {seed}. Nobody real is in it, and nobody is written to."
        )
        _collect(run)
        _unify(run)
        _segment(run)
        _predict(run)
        made = _decide(run)
        _deliver(run, made)
        result, report = _measure(run, made)
    finally:
        stores.close()
    run.facts["seconds"]["all"] = round(time.perf_counter() - started, 2)
    _close(run, result, report)
    if serve and not as_json:
        _serve(run, report, port)


def _collect(run: _Demo) -> None:
    sources = run.root / "sources"
    with run.step("Collect", "two years of orders, customers, products and web events, from files"):
        counts = write_sources(run.shop, sources)
        documents = read_documents([Path(__file__).with_name(name) for name in _DOCUMENTS])
        definitions.apply(
            run.stores.control, definitions.check_all(documents), now=run.now, by=run.by
        )
        source = definitions.find(run.stores.control, Source, "simulated-shop")
        report = collect(run.stores, source, root=sources, now=run.now)
        run.facts["collect"] = report.to_dict()
        run.output.say(
            f"   {counts.order_rows:,} order lines, {counts.customers:,} customer records, {counts.events:,} events."
        )


def _unify(run: _Demo) -> None:
    with run.step("Unify", "which records are one person"):
        report = bring_up_to_date(run.stores, now=run.now)
        run.facts["unify"] = report.to_dict()
        run.output.say(
            f"   {report.profiles:,} people; {report.merged_profiles:,} of them had several records; "
            f"{report.prospects:,} have never bought."
        )


def _segment(run: _Demo) -> None:
    with run.step("Segment", "who they are"):
        counts = refresh(run.stores, now=run.now)
        with open_moment(run.stores, as_of=run.now) as moment:
            groups = rfm(moment).group_by("group").aggregate([("profile_id", "count")]).to_pylist()
        listed = sorted(groups, key=lambda row: -row["profile_id_count"])
        run.facts["segments"] = {c.segment: c.members for c in counts}
        run.facts["rfm"] = {row["group"]: row["profile_id_count"] for row in listed}
        run.output.table(
            ["   segment", "members"], [(f"   {c.segment}", c.members) for c in counts]
        )
        top = ", ".join(
            f"{row['profile_id_count']:,} {row['group'].replace('_', ' ')}" for row in listed[:4]
        )
        run.output.say(f"   By recency, frequency and money: {top} …")


def _predict(run: _Demo) -> None:
    with run.step("Predict", "who will buy within 30 days, and what each is worth in a year"):
        propensity = train_propensity(
            run.stores, as_of=run.now, horizon_days=30, seed=run.spec.seed, now=run.now
        )
        value = fit_lifetime_value(
            run.stores, as_of=run.now, horizon_days=365, seed=run.spec.seed, now=run.now
        )
        judged = propensity.result.chosen
        run.facts["predict"] = {
            "propensity": dict(propensity.entry.metrics),
            "lifetime_value": dict(value.entry.metrics),
        }
        auc, seeming = judged.later.auc, judged.random_split.auc
        if auc.estimate is not None and seeming.estimate is not None:
            run.output.say(
                f"   Who will buy: judged on later weeks, AUC {auc.estimate:.3f} ({auc.lower:.3f} to {auc.upper:.3f}); "
                f"a random split would have claimed {seeming.estimate:.3f}."
            )
        worth = value.people.column("value").to_numpy(zero_copy_only=False)
        worth = worth[~np.isnan(worth)]
        if worth.size:
            run.output.say(
                f"   Worth in a year: {money(float(worth.mean()), run.spec.currency)} a customer on average, "
                f"{money(float(np.quantile(worth, 0.9)), run.spec.currency)} or more for the best tenth."
            )


def _decide(run: _Demo) -> Plan:
    with run.step("Decide", "whom to write to, and whom to hold out to compare"):
        made = plan(run.stores, CAMPAIGN, now=run.now, by=run.by)
        summary = made.summary
        run.facts["decide"] = {"plan_id": made.plan_id, **summary}
        run.output.say(
            f"   {summary['audience_size']:,} bought within a year; {summary['eligible']:,} may be written to "
            f"({sum(summary['excluded'].values()):,} may not, each with a reason)."
        )
        run.output.say(
            f"   {summary['treated']:,} get one of two offers, {summary['control']:,} are held out."
        )
        for line in in_words([Detectable(**figure) for figure in summary["detectable"]]):
            run.output.say(f"   {line}")
        return approve(run.stores, made.plan_id, now=run.now, by=run.by)


def _deliver(run: _Demo, made: Plan) -> None:
    with run.step("Deliver", "each message in the morning of its recipient, into a folder"):
        deliver.execute(run.stores, made.plan_id, now=run.now, by=run.by)
        found = deliver.status(run.stores, made.plan_id)
        while found.next_due_at is not None:
            run.now = max(run.now, found.next_due_at)
            found = deliver.run_sending(run.stores, made.plan_id, clock=lambda: run.now)
            if found.trouble is not None:
                raise WorkspaceError(f"The demo's messages could not be written: {found.trouble}")
        run.facts["deliver"] = {state: found.total(state) for state in found.messages}
        run.output.say(f"   {found.total('sent'):,} messages lie in {run.root / 'outbox'}.")


def _measure(run: _Demo, made: Plan) -> tuple[CampaignResult, Path]:
    with run.step("Measure", "what sending added, two weeks later"):
        sent = sent_messages(run.stores, made.plan_id)
        window = timedelta(days=made.summary["window_days"])
        until = made.starts_at + window + timedelta(days=1)
        file = write_answers(run.shop, sent, run.root / "sources", until=until)
        run.now = until
        play_back(run.stores, run.shop, sent, until=until)
        source = definitions.find(run.stores.control, Source, "simulated-shop")
        collect(run.stores, _orders_only(source, file.name), root=run.root / "sources", now=run.now)
        bring_up_to_date(run.stores, now=run.now)
        truth = true_lift(
            run.shop,
            sent,
            starts_at=made.starts_at,
            window=window,
            contact_cost=0.01 * sent.table.num_rows,
            margin_default=_MARGIN_DEFAULT,
        )
        result = measure(run.stores, made.plan_id, now=run.now, truth=truth)
        stored = store_report(run.stores, result)
        return result, stored.html


def _orders_only(source: Source, file: str) -> Source:
    """The same source for a later file of orders."""
    body = source.document()
    body["files"]["orders"] = file
    body["entities"] = [entity for entity in body["entities"] if entity["entity"] == "orders"]
    body["files"] = {"orders": body["files"]["orders"]}
    body.pop("consent", None)  # it speaks of customers, who are not in this file
    return Source.model_validate(body)


def _close(run: _Demo, result: CampaignResult, report: Path) -> None:
    lift, truth = result.lifts["revenue"].total, result.truth
    run.facts["measure"] = {
        "sentence": result.sentence,
        "verdict": result.verdict,
        "revenue_added": _interval(lift),
        "profit_added": _interval(result.profit),
        "true_revenue_added": truth.revenue if truth else None,
        "true_profit_added": truth.profit if truth else None,
        "method": result.lifts["revenue"].choice.method,
    }
    run.facts |= {
        "holdout": result.control.people,
        "treated": result.treated.people,
        "lift": _interval(lift),
        "true_effect": truth.revenue if truth else None,
        "workspace": str(run.root),
        "report": str(report),
    }
    if run.output.as_json:
        run.output.json(run.facts)
        return
    out = run.output
    out.say()
    out.heading(result.sentence)
    if truth is not None:
        _compare(out, result, truth)
    out.say()
    out.say(f"The report     {report}")
    out.say(f"The workspace  {run.root}   (documents, lake, models, outbox)")
    # Who ran `make demo` has no `aimwell` on the path until the environment is activated.
    call = "aimwell" if shutil.which("aimwell") else sys.argv[0]
    out.say(f"Go on with     {call} -h, or with your own orders: {call} init shop (see the README)")
    out.say(f"Look around    {call} decide explain latest:{CAMPAIGN} -w {run.root}")


def _interval(one: Any) -> dict[str, Any]:
    return {
        "estimate": one.estimate,
        "lower": one.lower,
        "upper": one.upper,
        "confidence": one.confidence,
        "reason": one.reason,
    }


def _compare(out: Output, result: CampaignResult, truth: Truth) -> None:
    currency = result.currency
    rows = []
    for name, one, true in (
        ("revenue added", result.lifts["revenue"].total, truth.revenue),
        ("profit added", result.profit, truth.profit),
    ):
        if one.estimate is None or one.lower is None or one.upper is None or true is None:
            continue
        inside = "yes" if one.lower <= true <= one.upper else "no (one in twenty is not)"
        rows.append(
            (
                name,
                money(one.estimate, currency),
                f"{money(one.lower, currency)} to {money(one.upper, currency)}",
                money(true, currency),
                inside,
            )
        )
    if not rows:
        return
    out.say()
    out.table(["", "measured", "95 % interval", "the truth", "truth in the interval"], rows)


def _serve(run: _Demo, report: Path, port: int) -> None:
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

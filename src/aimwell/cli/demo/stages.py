"""The stages of the demo, in a simulated time: from the shop's files to what a campaign added, and the campaign after it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from aimwell.cli.context import user_name
from aimwell.cli.demo.rehearsal import Sent, play_back, sent_messages, true_lift, write_answers
from aimwell.cli.output import Output
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
from aimwell.measure.model import CampaignResult
from aimwell.measure.service import measure, store_report
from aimwell.predict.service import fit_lifetime_value, train_propensity
from aimwell.segment.membership.refreshing import refresh
from aimwell.segment.rfm import rfm
from aimwell.simulate import Shop, ShopSpec, write_sources
from aimwell.store.stores import Stores

__all__ = ["MARGIN_DEFAULT", "Campaigned", "Demo", "campaign", "collected", "known"]

MARGIN_DEFAULT = 0.45
"""Share of revenue that is taken for the margin of goods without a known cost."""
_DOCUMENTS = ("source.yaml", "definitions.yaml")


@dataclass
class Demo:
    """What the steps share. `now` is the simulated present, `sent` all that was sent before the campaign at hand;
    the shop's orders were told up to `answered_until`."""

    root: Path
    output: Output
    spec: ShopSpec
    shop: Shop
    stores: Stores
    now: datetime
    answered_until: datetime
    sent: Sent = field(default_factory=Sent.nothing)
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


@dataclass(frozen=True)
class Campaigned:
    """One campaign of the demo from its plan to its report: what was sent, and all that had been sent before it."""

    plan: Plan
    sent: Sent
    before: Sent
    result: CampaignResult
    report: Path


def collected(run: Demo) -> None:
    """Write the shop's files and take them in; say which records are one person."""
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
    with run.step("Unify", "which records are one person"):
        unified = bring_up_to_date(run.stores, now=run.now)
        run.facts["unify"] = unified.to_dict()
        run.output.say(
            f"   {unified.profiles:,} people; {unified.merged_profiles:,} of them had several records; "
            f"{unified.prospects:,} have never bought."
        )


def known(run: Demo) -> None:
    """Segments and predictions of the people."""
    _segment(run)
    _predict(run)


def _segment(run: Demo) -> None:
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


def _predict(run: Demo) -> None:
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


def campaign(run: Demo, name: str, *, words: str, again: str = "") -> Campaigned:
    """Decide, deliver and measure one campaign.

    Args:
        words: What deciding is about, for its heading.
        again: Appended to the stages' names of a later campaign.
    """
    made = _decide(run, name, words, again)
    _deliver(run, made, again)
    done = _measure(run, made, again)
    run.sent = run.sent.and_then(done.sent)
    return done


def _decide(run: Demo, name: str, words: str, again: str) -> Plan:
    with run.step(f"Decide{again}", words):
        made = plan(run.stores, name, now=run.now, by=run.by)
        summary = made.summary
        run.facts[f"decide{again}"] = {"plan_id": made.plan_id, **summary}
        run.output.say(
            f"   {summary['audience_size']:,} bought within a year; {summary['eligible']:,} may be written to "
            f"({sum(summary['excluded'].values()):,} may not, each with a reason)."
        )
        if summary["chosen"] is None:
            run.output.say(
                f"   {summary['treated']:,} get ten percent off or a reminder, at random, {summary['control']:,} are held out."
            )
            for line in in_words([Detectable(**figure) for figure in summary["detectable"]]):
                run.output.say(f"   {line}")
        else:
            run.output.say(f"   {summary['choice']}")
            given = ", ".join(
                f"{action['people']:,} {action['action']}" for action in summary["actions"]
            )
            run.output.say(
                f"   {given}; {summary['chosen']['explored']:,} of them at random, to go on learning; "
                f"{summary['passed']:,} get nothing, {summary['control']:,} are held out."
            )
        return approve(run.stores, made.plan_id, now=run.now, by=run.by)


def _deliver(run: Demo, made: Plan, again: str) -> None:
    with run.step(f"Deliver{again}", "each message in the morning of its recipient, into a folder"):
        deliver.execute(run.stores, made.plan_id, now=run.now, by=run.by)
        found = deliver.status(run.stores, made.plan_id)
        while found.next_due_at is not None:
            run.now = max(run.now, found.next_due_at)
            found = deliver.run_sending(run.stores, made.plan_id, clock=lambda: run.now)
            if found.trouble is not None:
                raise WorkspaceError(f"The demo's messages could not be written: {found.trouble}")
        run.facts[f"deliver{again}"] = {state: found.total(state) for state in found.messages}
        run.output.say(f"   {found.total('sent'):,} messages lie in {run.root / 'outbox'}.")


def _measure(run: Demo, made: Plan, again: str) -> Campaigned:
    with run.step(f"Measure{again}", "what sending added, two weeks later"):
        sent = sent_messages(run.stores, made.plan_id)
        since = run.answered_until
        window = timedelta(days=made.summary["window_days"])
        until = made.starts_at + window + timedelta(days=1)
        world = run.sent.and_then(sent)
        file = write_answers(
            run.shop, world, run.root / "sources", since=since, until=until, plan_id=made.plan_id
        )
        play_back(run.stores, run.shop, world, since=since, until=until)
        run.now = run.answered_until = until
        source = definitions.find(run.stores.control, Source, "simulated-shop")
        collect(run.stores, _orders_only(source, file.name), root=run.root / "sources", now=run.now)
        bring_up_to_date(run.stores, now=run.now)
        truth = true_lift(
            run.shop,
            sent,
            before=run.sent,
            starts_at=made.starts_at,
            window=window,
            margin_default=MARGIN_DEFAULT,
        )
        result = measure(run.stores, made.plan_id, now=run.now, truth=truth)
        run.output.say(f"   {result.sentence}")
        return Campaigned(made, sent, run.sent, result, store_report(run.stores, result).html)


def _orders_only(source: Source, file: str) -> Source:
    """The same source for a later file of orders."""
    body = source.document()
    body["entities"] = [entity for entity in body["entities"] if entity["entity"] == "orders"]
    body["files"] = {"orders": file}
    body.pop("consent", None)  # it speaks of customers, who are not in this file
    return Source.model_validate(body)

"""Offers, codes, experiments and holdouts from the command line."""

from __future__ import annotations

import json
from pathlib import Path

from command import Run

DOCUMENTS = """
kind: offer
name: ten
benefit: {percent: 10}
codes: {pool: unique}
---
kind: offer
name: flat
benefit: {amount: 5}
code: FLAT
---
kind: channel
name: email
sender: {address: shop@shop.example, name: The Shop}
sink: {}
---
kind: template
name: warm
variants: [{subject: Hello, html: "<p>Look <a href='{{ unsubscribe_url }}'>No more</a></p>"}]
---
kind: template
name: short
variants: [{subject: Hey, html: "<p>Look <a href='{{ unsubscribe_url }}'>No more</a></p>"}]
---
kind: campaign
name: spring
audience: {everyone: true}
actions: [{offer: ten, channel: email, template: warm}]
trial: true
---
kind: experiment
name: subject-lines
campaign: spring
holdout: 0.4
factors:
  - name: subject
    levels: [{name: warm, template: warm}, {name: short, template: short}]
  - name: offer
    levels: [{name: ten, offer: ten}, {name: flat, offer: flat}]
---
kind: holdout
name: always-on
share: 0.2
starts: 2026-01-01
rotates: 365d
---
kind: loyalty
name: club
"""


def shop(run: Run, folder: Path) -> None:
    """60 people with two orders each, the second with the coupon FLAT."""
    lines = ["order_id,customer_id,ordered_at,sku,quantity,unit_price,coupon"]
    for person in range(60):
        lines.append(f"{person}-0,c{person},2026-01-{1 + person % 28:02},MUG,2,20,")
        lines.append(f"{person}-1,c{person},2026-02-{1 + person % 28:02},HAT,1,15,flat")
    (folder / "orders.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "all.yaml").write_text(DOCUMENTS, encoding="utf-8")
    run("init", "shop", "--currency", "GBP")
    run("collect", "orders", folder / "orders.csv", "-w", "shop")
    run("apply", folder / "all.yaml", "-w", "shop")


def test_the_whole_way_of_offers_and_experiments(run: Run, tmp_path: Path) -> None:
    shop(run, tmp_path)
    at = ("--as-of", "2026-03-01", "-w", "shop")

    cost = json.loads(run("decide", "offer", "flat", "--days", "28", "--json", *at).out)
    assert (cost["people"], cost["orders"]) == (60, 60)
    assert cost["per_order"]["estimate"] == 5.0
    assert cost["margin"]["estimate"] is None
    words = run("decide", "offer", "flat", "--days", "28", *at).out
    assert "as if nobody had bought differently" in words
    assert "When it pays cannot be said" in words

    made = run("decide", "codes", "make", "ten", "40", "--prefix", "S-", "-w", "shop")
    assert "40 codes were made" in made.out
    (tmp_path / "more.txt").write_text("ONE\nTWO\none\n", encoding="utf-8")
    added = run("decide", "codes", "add", "ten", tmp_path / "more.txt", "-w", "shop")
    assert "2 codes are new, 1 were there already" in added.out
    absent = run("decide", "codes", "add", "ten", tmp_path / "no.txt", "-w", "shop", code=1)
    assert "cannot be read: No such file" in absent.err
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9\n")
    latin = run("decide", "codes", "add", "ten", tmp_path / "latin.txt", "-w", "shop", code=1)
    assert "is not text in UTF-8" in latin.err
    (pool,) = json.loads(run("decide", "codes", "list", "--json", "-w", "shop").out)
    assert pool == {"offer": "ten", "codes": 42, "free": 42}
    run("decide", "codes", "export", "ten", tmp_path / "out.txt", "-w", "shop")
    assert len((tmp_path / "out.txt").read_text().split()) == 42
    refused = run("decide", "codes", "make", "flat", "5", "-w", "shop", code=1)
    assert "has no pool of codes" in refused.err

    rows = json.loads(run("decide", "redemptions", "flat", "--json", *at).out)
    assert len(rows) == 60
    assert all(row["in_time"] and row["own_code"] is None for row in rows)

    arms = json.loads(run("decide", "experiment", "subject-lines", "--json", "-w", "shop").out)
    assert arms["arms"] == ["warm_ten", "warm_flat", "short_ten", "short_flat"]
    plan = json.loads(run("decide", "plan", "subject-lines", "--trial", "--json", *at).out)
    assert {a["action"] for a in plan["summary"]["actions"]} == set(arms["arms"])
    held = plan["summary"]["excluded"].get("global_holdout", 0)
    rolled = run("decide", "rollout", "subject-lines", "short_flat", "-w", "shop")
    assert "sends 'short_flat' from revision 2 on" in rolled.out

    out = json.loads(run("decide", "holdout", "always-on", "--json", *at).out)
    assert len(out["profile_ids"]) == held > 0
    run("decide", "holdout", "always-on", "--csv", tmp_path / "held.csv", *at)
    assert len((tmp_path / "held.csv").read_text().splitlines()) == held + 1

    assert "120 new entries" in run("decide", "points", "club", "-w", "shop").out
    who = rows[0]["profile_id"]
    points = json.loads(run("decide", "points", "club", who, "--json", *at).out)
    assert points["balance"] == 55


def test_power_is_said_before_anything_is_sent(run: Run) -> None:
    found = json.loads(
        run("decide", "power", "--base", "0.5", "--lift", "0.1", "--per-day", "100", "--json").out
    )
    assert (found["total"], found["days"]) == (776, 22)
    words = run("decide", "power", "--base", "20", "--lift", "2", "--spread", "40").out
    assert "Cohen's d" in words
    refused = run("decide", "power", "--base", "0.5", "--lift", "0.1", "--holdout", "1", code=1)
    assert "between 0 and 1" in refused.err

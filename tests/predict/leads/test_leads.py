"""Leads of a workspace where it is known who will order: prospects by their visits, firms by those of all their people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from aimwell.definitions.kinds.prediction import Prediction
from aimwell.errors import PredictError, TooLittleDataError
from aimwell.history.moment import open_moment
from aimwell.predict.card_page import card_html
from aimwell.predict.cards import card_text, model_card
from aimwell.predict.care.caring import train_defined
from aimwell.predict.care.service import compare, monitor, score
from aimwell.predict.leads.firms import RECENCY, firm_words, read_firms
from aimwell.predict.leads.service import AccountLeads, score_account_leads, train_account_leads
from aimwell.predict.questions import PROSPECTS, Question, members_among
from aimwell.predict.service import TrainedModel, score_propensity, train_propensity
from aimwell.store.sql import sql
from aimwell.store.stores import Stores
from shop import add_events, add_orders, add_people, append, day, make_stores, origin

AS_OF, NOW, HORIZON = day(200), day(201), 30
FIRMS, PEOPLE = 900, 3


def world(stores: Stores) -> None:
    """Firms of three people each, known from the first day. In one period of 30 days after another some become keen: two or more
    of their people visit, and half of the keen ones of retail order in the next. One eager person alone means nothing."""
    rng = np.random.default_rng(11)
    accounts, members, events, orders = [], [], [], []
    for firm in range(FIRMS):
        retail = firm % 2 == 0
        accounts.append(
            {
                "account_id": f"f{firm}",
                "name": f"Firm {firm}",
                "industry": "Retail" if retail else "Mining",
                "size": int(rng.integers(5, 500)),
                "set_at": day(0),
            }
        )
        names = [f"f{firm}p{one}" for one in range(PEOPLE)]
        members += [
            {
                "account_id": f"f{firm}",
                "origin_id": origin(stores, name),
                "state": "member",
                "set_at": day(0),
            }
            for name in names
        ]
        for period in range(8):
            start = 30.0 * period - 10
            keen, alone = rng.random() < 0.25, rng.random() < 0.3
            who = names[: 2 + int(rng.random() < 0.5)] if keen else names[:1] * int(alone)
            for name in who:
                # One who is alone visits as often as two together.
                for _ in range(4 if keen else 8):
                    at = start + float(rng.uniform(0, 30))
                    if at > 0:
                        events.append(
                            {"customer": name, "event": "Page Viewed", "occurred_at": day(at)}
                        )
            if keen and rng.random() < (0.6 if retail else 0.25):
                at = start + 30 + float(rng.uniform(0, 30))
                orders.append(
                    {
                        "customer": names[int(rng.integers(PEOPLE))],
                        "order_id": f"{firm}-{period}",
                        "ordered_at": day(at),
                        "revenue": 100,
                    }
                )
                break
    append(stores, "accounts", accounts)
    append(stores, "account_members", members)
    add_people(
        stores, [{"customer": f"f{firm}p{one}"} for firm in range(FIRMS) for one in range(PEOPLE)]
    )
    add_events(stores, events)
    add_orders(stores, orders)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    opened = make_stores(tmp_path_factory.mktemp("leads"))
    world(opened)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def firms(stores: Stores) -> AccountLeads:
    return train_account_leads(stores, as_of=AS_OF, horizon_days=HORIZON, now=NOW)


@pytest.fixture(scope="module")
def prospects(stores: Stores) -> TrainedModel:
    question = Question(among=PROSPECTS)
    return train_propensity(stores, as_of=AS_OF, horizon_days=HORIZON, question=question, now=NOW)


def test_firms_beat_the_last_visit_by_the_visits_of_all_their_people(firms: AccountLeads) -> None:
    chosen, rule = firms.result.chosen, firms.result.candidates[0]
    assert chosen.model.learner != "base rate by recency"
    assert (chosen.later.auc.lower or 0) > (rule.later.auc.estimate or 1)
    assert rule.extra_loss.lower is not None
    assert rule.extra_loss.lower > 0
    strongest = [name for name, _ in chosen.model.influences[:6]]
    assert {"active_people_90d", "industry:Mining", "industry:Retail"} & set(strongest)


def test_firms_are_scored_once_and_the_scores_stay(stores: Stores, firms: AccountLeads) -> None:
    scored = score_account_leads(stores, firms.entry, as_of=AS_OF, now=NOW)
    score = scored.column("score").to_pylist()
    assert score == sorted(score, reverse=True)
    rates = {
        industry: np.mean(
            [row["score"] for row in scored.to_pylist()[:100] if row["industry"] == industry]
        )
        for industry in ("Retail", "Mining")
    }
    assert rates["Retail"] > rates["Mining"]
    score_account_leads(stores, firms.entry.label, as_of=AS_OF, now=day(202))
    kept = stores.lake.pin("account_scores").tables["account_scores"]
    with stores.engine.session() as session:
        session.bind("kept", kept)
        rows = session.rows(
            sql("SELECT count(*), count(DISTINCT account_id), min(received_at) FROM kept")
        )
    assert rows[0][:2] == (scored.num_rows, scored.num_rows)
    assert rows[0][2] == NOW


def test_who_has_ordered_is_no_lead(stores: Stores) -> None:
    read = read_firms(
        stores, as_of=AS_OF, horizon=timedelta(days=HORIZON), question=Question(), outcome=False
    )
    with open_moment(stores, as_of=AS_OF) as moment:
        buyers = {
            row[0] for row in moment.session.rows(sql("SELECT DISTINCT profile_id FROM purchases"))
        }
        whom = members_among(moment, Question(among=PROSPECTS))
        assert whom is not None
        people = {row[0] for row in moment.session.rows(whom)}
    assert not people & buyers
    assert len(people) == FIRMS * PEOPLE - len(buyers)
    bought = {
        firm
        for firm in range(FIRMS)
        if any(origin(stores, f"f{firm}p{one}") in buyers for one in range(PEOPLE))
    }
    assert set(read.ids.to_pylist()) == {f"f{firm}" for firm in range(FIRMS) if firm not in bought}


def test_features_of_a_firm_are_those_of_its_people(tmp_path: Path) -> None:
    opened = make_stores(tmp_path)
    append(
        opened,
        "accounts",
        [
            {"account_id": "a", "industry": "Retail", "size": 10, "set_at": day(1)},
            {"account_id": "a", "industry": "Mining", "size": 20, "set_at": day(20)},
            {"account_id": "b", "industry": "Mining", "set_at": day(1)},
        ],
    )
    member = {"account_id": "a", "state": "member", "set_at": day(1)}
    append(
        opened,
        "account_members",
        [
            {**member, "origin_id": origin(opened, "ann")},
            {**member, "origin_id": origin(opened, "bob")},
            {**member, "origin_id": origin(opened, "cy")},
            {**member, "origin_id": origin(opened, "cy"), "state": "left", "set_at": day(5)},
        ],
    )
    add_events(
        opened,
        [
            {"customer": name, "event": "Page Viewed", "occurred_at": day(at)}
            for name, at in (("ann", 2), ("ann", 8), ("bob", 6), ("cy", 7), ("ann", 15))
        ],
    )
    read = read_firms(
        opened, as_of=day(10), horizon=timedelta(days=5), question=Question(), outcome=True
    )
    assert read.ids.to_pylist() == ["a", "b"]
    told = dict(zip(read.table.names, read.table.values.T.tolist(), strict=True))
    assert told["people"] == [2, 0]
    assert told["events_30d:sum"][0] == 3
    assert told["events_90d:largest"][0] == 2
    assert told[RECENCY][0] == pytest.approx(2)
    assert told["size"][0] == 10
    assert (told["industry:Retail"], told["industry:Mining"]) == ([1, 0], [0, 1])
    assert np.isnan(told["events_30d:sum"][1])
    assert read.table.happened.tolist() == [False, False]
    opened.close()


def test_prospects_are_judged_beside_their_last_visit(
    stores: Stores, prospects: TrainedModel
) -> None:
    assert prospects.entry.name == "leads-buy-30d"
    rule = prospects.result.candidates[0]
    assert rule.model.influences[0][0] == "event_recency_days"
    assert (rule.later.auc.lower or 0) > 0.5
    scores = score_propensity(stores, prospects.entry, as_of=AS_OF, now=NOW)
    assert scores.num_rows < FIRMS * PEOPLE
    assert "a prospect buys within 30 days" in model_card(prospects.entry)["predicts"]


def test_the_card_speaks_of_firms(firms: AccountLeads) -> None:
    text = card_text(model_card(firms.entry))
    assert "somebody of a firm that has not ordered buys within 30 days" in text
    assert "firms known on" in text
    assert firm_words("events_90d:sum") == "events_90d, of all its people"
    assert firm_words("industry:Retail") == "its industry is Retail"


def test_the_same_data_give_the_same_model(stores: Stores, firms: AccountLeads) -> None:
    again = train_account_leads(stores, as_of=AS_OF, horizon_days=HORIZON, now=day(203))
    assert again.entry.label == firms.entry.label
    assert again.entry.files == firms.entry.files


def test_what_cannot_be_is_refused(
    stores: Stores, firms: AccountLeads, prospects: TrainedModel, tmp_path: Path
) -> None:
    with pytest.raises(PredictError, match="not one of firms"):
        score_account_leads(stores, prospects.entry, as_of=AS_OF, now=NOW)
    with pytest.raises(PredictError, match="know their own future"):
        score_account_leads(stores, firms.entry, as_of=day(100), now=NOW)
    with pytest.raises(PredictError, match="No known person did"):
        train_account_leads(
            stores, as_of=AS_OF, horizon_days=HORIZON, event="Opportunity Created", now=NOW
        )
    opened = make_stores(tmp_path)
    add_orders(
        opened,
        [
            {"customer": "x", "order_id": str(n), "ordered_at": day(n), "revenue": 1}
            for n in range(199)
        ],
    )
    with pytest.raises(TooLittleDataError, match="firms: 0 of at least 200"):
        train_account_leads(opened, as_of=AS_OF, horizon_days=HORIZON, now=NOW)
    with pytest.raises(
        TooLittleDataError, match=r"lead scores of people .* have not ordered yet"
    ) as few:
        train_propensity(
            opened,
            as_of=AS_OF,
            horizon_days=HORIZON,
            question=Question(among=PROSPECTS),
            now=NOW,
        )
    assert "audience" not in str(few.value)
    with pytest.raises(TooLittleDataError, match="lead scores of firms as of 2027"):
        train_account_leads(opened, as_of=day(500), horizon_days=HORIZON, now=NOW)
    opened.close()


@pytest.mark.parametrize("among", ["accounts", pytest.param("prospects", marks=pytest.mark.long)])
def test_a_definition_of_leads_lives_the_life_of_any(stores: Stores, among: str) -> None:
    asked = {"name": f"leads-{among}", "asks": "lead", "horizon": "30d", "learners": ["logistic"]}
    if among == "accounts":
        asked["among"] = among
    wanted = Prediction.model_validate(asked)
    assert list(wanted.references()) == []
    entry = train_defined(stores, wanted, as_of=day(150), now=day(150))
    assert entry.settings["among"] == among
    assert (score(stores, entry, as_of=day(150), now=day(150)) or 0) > 300
    found = monitor(stores, entry, as_of=AS_OF)
    assert found.realised is not None
    assert not found.realised.worse
    assert {one["learner"] for one in entry.metrics["candidates"]} == {
        "base rate by recency",
        "logistic regression",
    }
    assert train_defined(stores, wanted, as_of=AS_OF, now=NOW).version == 2
    newer = compare(stores, f"{wanted.name}@2", wanted.name, as_of=day(230))
    assert newer.measure == "log loss"
    assert newer.people > 300
    with pytest.raises(PredictError, match="has learnt from"):
        compare(stores, f"{wanted.name}@2", wanted.name, as_of=day(199))
    if among == "accounts":
        assert "Since then" in card_html(stores, entry, as_of=AS_OF, now=NOW)

"""Spark behind the protocol of engines: all that any engine must do, and what is Spark's own.

All short tests of Spark are in this file, so that Spark starts once, in one worker.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sqlglot import exp

from aimwell.errors import QueryError, QueryTimeoutError, StoreError, WorkspaceError
from aimwell.history.features import features
from aimwell.history.freshness import order_days
from aimwell.history.moment import TIME_COLUMNS, Moment
from aimwell.history.outcomes import outcomes
from aimwell.history.purchase_gaps import purchase_gaps
from aimwell.history.repeat_purchases import repeat_purchases
from aimwell.predict.buying import later_buying, later_history, purchase_history, usual_margin
from aimwell.predict.demand.sales import read_sales
from aimwell.predict.own_features import join_own
from aimwell.predict.questions import Question, recorded
from aimwell.predict.timing import purchase_days
from aimwell.predict.timing.act_times import act_counts
from aimwell.segment.attributes.people_table import people_table
from aimwell.segment.clusters.service import CLUSTER_FEATURES
from aimwell.segment.divisions import divide
from aimwell.segment.flows import flows
from aimwell.segment.lifecycle import lifecycle
from aimwell.segment.membership.overlap import overlap
from aimwell.segment.membership.refreshing import current_members, refresh
from aimwell.segment.personas.service import personas
from aimwell.segment.rfm import rfm
from aimwell.segment.service import explain, members
from aimwell.store.engine import DuckDBEngine, Engine, Session
from aimwell.store.spark.dialect import ALIKE, MENDED, rendered
from aimwell.store.spark.errors import translated
from aimwell.store.sql import sql
from aimwell.store.stores import Stores, create_stores, open_stores
from aimwell.unify.matching.fields import MatchField
from aimwell.unify.matching.model import fit, pairs
from aimwell.unify.matching.records import bind_records
from aimwell.unify.matching.service import match
from any_rows import PEOPLE, add_rows
from engine_contract import EngineContract
from engines_alike import (
    alike,
    assert_alike,
    assert_near,
    at_both,
    batched,
    drawn,
    kind_of,
    people_of,
)
from linkage_data import made_up_people
from registered_twice import crowd
from rule_strategies import NEW_LEAVES, RULES
from shop import add_people, day, make_stores
from spark_here import spark_here
from spark_values import AGGREGATES, ODD_VALUES, OF_OTHER_TYPES, REFUSED, ROW_WISE, WINDOWS
from town import NESTED, make_town


class TestSpark(EngineContract):
    @pytest.fixture
    def engine(self) -> Engine:
        return spark_here()


def test_errors_of_others_stay_as_they_are() -> None:
    for error in (KeyError("x"), StoreError("ours"), OSError("disk")):
        assert translated(error, sql("SELECT 1")) is error


def test_spark_writes_no_word_to_the_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    with spark_here().session() as session, pytest.raises(Exception, match="could not compute"):
        session.rows(sql("SELECT CAST(CAST('ann@example.com' AS varchar) || 'x' AS double) AS n"))
    assert "@" not in "".join(capfd.readouterr())


def test_settings_choose_it_for_histories_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_stores(tmp_path / "shop", engine="spark").close()
    stores = open_stores(tmp_path / "shop")
    assert (stores.engine.name, stores.history_engine.name) == ("duckdb", "spark")
    stores.close()
    monkeypatch.setitem(
        sys.modules, "aimwell.store.spark.engine", None
    )  # as where it is not installed
    with pytest.raises(WorkspaceError, match=r'pip install "aimwell\[spark\]"'):
        open_stores(tmp_path / "shop")
    stores = open_stores(tmp_path / "shop", engine="duckdb")
    assert stores.history_engine is stores.engine
    stores.close()


# --- what queries mean --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Session, Session]]:
    """A session of each engine with the table `odd`."""
    with DuckDBEngine(threads=1).session() as one, spark_here().session() as other:
        for session in (one, other):
            session.bind("odd", ODD_VALUES)
        yield one, other


ROWS = "SELECT n, {} FROM odd ORDER BY n"


@pytest.mark.parametrize(
    ("texts", "around"),
    [
        (ROW_WISE, ROWS),
        (AGGREGATES, "SELECT g, {} FROM odd GROUP BY g ORDER BY g"),
        (WINDOWS, ROWS),
    ],
    ids=["rows", "aggregates", "windows"],
)
def test_an_expression_means_the_same_on_both_engines(
    both: tuple[Session, Session], texts: list[str], around: str
) -> None:
    query = sql(around.format(", ".join(f"{text} AS c{n}" for n, text in enumerate(texts))))
    one, other = (session.table(query).columns for session in both)
    different = {
        text: [
            (a, b)
            for a, b in zip(first.to_pylist(), second.to_pylist(), strict=True)
            if not alike(a, b)
        ]
        for text, first, second in zip(["key", *texts], one, other, strict=True)
    }
    assert {text: pairs for text, pairs in different.items() if pairs} == {}
    kinds = zip(texts, one[1:], other[1:], strict=True)
    others = {text for text, a, b in kinds if kind_of(a.type) != kind_of(b.type)}
    assert others == OF_OTHER_TYPES.intersection(texts)


def test_every_function_that_is_let_through_is_tried_by_value() -> None:
    tried = {
        type(node).__name__
        for text in (*ROW_WISE, *AGGREGATES, *WINDOWS)
        for node in sql(ROWS.format(text)).walk()
    }
    others = {"ArrayFilter", "Explode"}  # by the refresh of segments
    assert (ALIKE | MENDED.keys()) - tried == others


def test_subqueries_with_parts_of_one_name_are_each_for_itself(
    both: tuple[Session, Session],
) -> None:
    part = "n IN (WITH part AS (SELECT max(n) AS n FROM odd WHERE g = {}) SELECT n FROM part)"
    query = sql(ROWS.replace(" ORDER", f" WHERE {part} OR {part} ORDER").format("g", 1, 2))
    one, other = (session.rows(query) for session in both)
    assert one == other
    assert len(one) == 2


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_known_to_mean_the_same_is_refused(text: str) -> None:
    with pytest.raises(QueryError, match="no proven form"):
        rendered(sql(ROWS.format(text)))


# --- rules, features and refreshes --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    stores, _lives = make_town(tmp_path_factory.mktemp("town"))
    yield replace(stores, history_engine=spark_here())
    stores.close()


@pytest.fixture(scope="module")
def views(town: Stores) -> Iterator[tuple[Moment, Moment]]:
    with at_both(town, town.history_engine, day(60), horizon=timedelta(days=30)) as opened:
        yield opened


def test_rules_yield_the_same_people_on_both_engines(views: tuple[Moment, Moment]) -> None:
    rules = [drawn(leaf, 4)[-1] for leaf in list(NEW_LEAVES.values())[::2]] + drawn(RULES, 30)[-4:]
    one, other = (people_of(view, rules) for view in views)
    assert one == other


@pytest.mark.long
def test_thousands_of_rules_yield_the_same_people_on_both_engines(town: Stores) -> None:
    rules = [rule for leaf in NEW_LEAVES.values() for rule in drawn(leaf, 40)] + drawn(RULES, 1500)
    for number, as_of in enumerate((day(30), day(60), day(61.25), day(500))):
        with at_both(town, town.history_engine, as_of) as (one, other):
            for some in batched(rules[number::4], 16):
                assert people_of(other, some) == people_of(one, some)


def test_what_timing_and_demand_read_is_the_same_on_both_engines(
    views: tuple[Moment, Moment],
) -> None:
    tables = []
    for view in views:
        view.bind_profiles()
        zone, end = view.stores.settings.timezone, sql(":until", until=day(60).date())
        gaps = purchase_days.purchase_gaps(purchase_days.items_bought("product", zone))
        view.session.materialise("purchase_gaps", gaps)
        later = purchase_days.next_days(purchase_days.items_bought("category", zone, "_ahead"))
        ordered = sql("SELECT * FROM :later AS l ORDER BY item, profile_id", later=later)
        asked = [purchase_days.waits(end, 0), purchase_days.wait_counts(end), ordered]
        asked += [purchase_days.gap_counts(1), act_counts("any", zone, 3)]
        tables.append([view.session.table(query) for query in asked])
    for one, other in zip(*tables, strict=True):
        assert_alike(one, other)
    first, second = (read_sales(view, "product") for view in views)
    assert (first.names, first.labels, first.first) == (second.names, second.labels, second.first)
    for name in ("begins", "day", "units", "lines"):
        assert np.array_equal(getattr(first, name), getattr(second, name)), name


@pytest.mark.parametrize(
    "table",
    [
        *(rfm, repeat_purchases, outcomes, purchase_gaps),
        *(pytest.param(one, marks=pytest.mark.long) for one in (features, lifecycle)),
    ],
)
def test_tables_of_people_are_the_same_on_both_engines(
    views: tuple[Moment, Moment], table: Callable[[Moment], pa.Table]
) -> None:
    assert_alike(*map(table, views))


def test_a_query_that_takes_too_long_is_stopped_and_the_session_lives_on() -> None:
    many = sql("SELECT count(*) AS n FROM a AS p JOIN a AS q ON p.x <> q.x")
    with spark_here().session() as session:
        session.bind("a", pa.table({"x": list(range(150_000))}))
        with pytest.raises(QueryTimeoutError, match="longer than 2 seconds"), session.limited(2):
            session.materialise("z", many)
        assert session.rows(sql("SELECT count(*) AS n FROM a")) == [(150_000,)]


def test_every_feature_has_the_same_values_on_both_engines(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    add_people(stores, [{"customer": name, "first_seen_at": day(0)} for name in PEOPLE])
    for seed in range(8):
        add_rows(stores, list(TIME_COLUMNS), seed, 0, 900)
    for seed in range(8, 14):
        add_rows(stores, list(TIME_COLUMNS), seed, 800, 900)
    own = {"spend": "SELECT profile_id, sum(revenue) AS value FROM order_lines GROUP BY profile_id"}
    with at_both(stores, spark_here(), day(900)) as both:
        one, other = map(features, both)
        mine = [
            view.session.table(
                join_own(view, exp.select("f.profile_id").from_("profiles AS f"), own).order_by(
                    "f.profile_id"
                )
            )
            for view in both
        ]
    for name in one.column_names[1:]:
        # Seconds since 1970 as fractions are exact to a quarter of a microsecond.
        first, second = (table[name].to_pylist() for table in (one, other))
        assert [value is None for value in first] == [value is None for value in second], name
        assert [v or 0 for v in first] == pytest.approx([v or 0 for v in second], abs=1e-9), name
    assert_alike(*mine)
    silent = [name for name in one.column_names if not any(one.column(name).to_pylist())]
    assert silent == []


def _personas(moment: Moment) -> list[dict[str, Any]]:
    division = divide(moment, "lifecycle")
    return [asdict(one) for one in personas(moment, division.groups)]


def _buying(moment: Moment) -> dict[str, list[Any]]:
    people, history = buyers = purchase_history(moment)
    later, then = later_buying(moment, people), later_history(moment, buyers)
    numbers = {
        "frequency": history.frequency,
        "recency": history.recency,
        "age": history.age,
        "spend": history.spend,
        "purchases later": later.purchases,
        "revenue later": later.revenue,
        "frequency later": then.frequency,
        "recency later": then.recency,
    }
    return {"people": people.to_pylist(), **{name: one.tolist() for name, one in numbers.items()}}


@pytest.mark.long
@pytest.mark.parametrize(
    "read",
    [
        lambda moment: people_table(moment, CLUSTER_FEATURES, among="everybody").to_pydict(),
        lambda moment: asdict(flows(moment, months=3)),
        lambda moment: asdict(overlap(moment)),
        _personas,
        order_days,
        _buying,
        lambda moment: asdict(recorded(moment, Question())),
        lambda moment: asdict(usual_margin(moment)),
    ],
    ids=[
        "cluster features",
        "flows",
        "overlap",
        "personas",
        "days with orders",
        "buying before and after",
        "what is recorded of purchases",
        "the usual margin",
    ],
)
def test_what_groups_and_models_are_told_by_is_the_same_on_both_engines(
    views: tuple[Moment, Moment], read: Callable[[Moment], Any]
) -> None:
    one, other = map(read, views)
    assert one
    assert_near(other, one)


@pytest.mark.long
def test_a_refresh_on_spark_writes_who_is_in_and_who_came_and_went(town: Stores) -> None:
    here = replace(town, history_engine=town.engine)
    for as_of in (day(40), day(60)):
        counts = refresh(town, now=as_of)
        assert {one.segment for one in counts} == set(NESTED)
        for name in NESTED:
            there = members(here, name, as_of=as_of).column("profile_id")
            assert current_members(town, name).column("profile_id") == there
    assert sum(one.entered for one in counts) > 0
    assert explain(town, "loud", as_of=day(60)) == explain(here, "loud", as_of=day(60))


# --- people who are alike -----------------------------------------------------------------------------------


@contextmanager
def records_at_both(
    people: pa.Table, codes: Sequence[str] = ()
) -> Iterator[tuple[Session, Session, tuple[MatchField, ...]]]:
    """The same people to compare on both engines, and their fields."""
    with DuckDBEngine(threads=1).session() as one, spark_here().session() as other:
        one.bind("given", people)
        fields = bind_records(one, "given", key="id", codes=codes)
        other.bind("records", one.table(sql("SELECT * FROM records")))
        yield one, other, fields


def test_people_are_compared_alike_on_both_engines() -> None:
    """By two fields, because Spark plans each query longer than it computes it."""
    people = made_up_people(160, 50)
    cards = [f"{number % 160:06}" for number in range(len(people["id"]))]
    two = pa.table({"id": people["id"], "last_name": people["last_name"], "card_no": cards})
    with records_at_both(two, codes=["card_no"]) as (one, other, fields):
        model = fit(one, fields)
        first, second = (pairs(session, model, probability_min=0.2) for session in (one, other))
    assert first.num_rows >= 45
    assert_near(second.to_pydict(), first.to_pydict())


@pytest.mark.long
def test_a_model_of_likeness_learned_on_spark_is_the_same_and_holds_on_both() -> None:
    with records_at_both(pa.table(made_up_people(400, 60))) as (one, other, fields):
        model, there = fit(one, fields), fit(other, fields)
        # Splink gives each a name by chance.
        first, second = ({**learned.settings, "linker_uid": ""} for learned in (model, there))
        assert_near(second, first)
        found = [pairs(one, model, probability_min=0.01), pairs(other, there, probability_min=0.01)]
        found.append(pairs(one, there, probability_min=0.01))
    assert found[0].num_rows == 60
    for name in ("left_id", "right_id", "probability", "weight", "fields"):
        first, *others = (
            table.sort_by([("left_id", "ascending"), ("right_id", "ascending")])[name].to_pylist()
            for table in found
        )
        for values in others:
            assert_near(values, first)


@pytest.mark.long
def test_people_are_joined_by_likeness_where_settings_choose_spark(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    crowd(stores, now=day(30))
    found = match(replace(stores, history_engine=spark_here()), now=day(30), by="ann")
    assert (found.compared, found.new, found.merged) == (140, 140, 40)
    stores.close()

"""People who are one though no identifier says so: on published data with known truth, and on small made-up rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from sqlglot import exp

from aimwell.errors import TooFewPairsError
from aimwell.store.engine import DuckDBEngine, DuckDBSession
from aimwell.store.sql import column, sql
from aimwell.unify.matching.blocking import Key, bind_blocks, keys_of, pairs_of
from aimwell.unify.matching.fields import MatchField, standardised
from aimwell.unify.matching.model import MatchModel, fit, pairs
from aimwell.unify.matching.records import bind_records
from data_folder import data_path
from linkage_data import bind_linkage, made_up_people, true_pairs


@pytest.fixture
def session() -> Iterator[DuckDBSession]:
    with DuckDBEngine(memory_mb=1_000, threads=1).session() as opened:
        yield opened


@dataclass(frozen=True)
class Found:
    """What was found in FEBRL 3."""

    session: DuckDBSession
    model: MatchModel
    pairs: pa.Table


@pytest.fixture(scope="module")
def febrl() -> Iterator[Found]:
    with DuckDBEngine(memory_mb=1_000, threads=1).session() as session:
        codes = bind_linkage(session, data_path("record-linkage"), "febrl_dataset3")
        fields = bind_records(session, "given", key="id", codes=codes)
        # As it is stored and read again.
        model = MatchModel.from_dict(json.loads(json.dumps(fit(session, fields).to_dict())))
        found = pairs(session, model, probability_min=0.01)
        session.bind("found", found)
        yield Found(session, model, found)


def _quality(febrl: Found, probability: float) -> tuple[float, float]:
    [(right, all_)] = febrl.session.rows(
        sql(
            """
            SELECT count(*) FILTER (WHERE a.truth = b.truth), count(*) FROM found
            JOIN given AS a ON a.id = left_id JOIN given AS b ON b.id = right_id
            WHERE probability >= :least
            """,
            least=probability,
        )
    )
    return right / all_, right / true_pairs(febrl.session)


@pytest.mark.parametrize("probability", [0.5, 0.99])
def test_duplicates_of_febrl_3_are_found_without_labels(febrl: Found, probability: float) -> None:
    precision, recall = _quality(febrl, probability)
    assert precision >= 0.999
    assert recall >= 0.985


def test_clusters_of_febrl_3_are_whole_and_pure(febrl: Found) -> None:
    """Joined at the threshold of automatic merging, nearly every person is one cluster, and none is two people."""
    ids = [row[0] for row in febrl.session.rows(sql("SELECT id FROM given ORDER BY id"))]
    truth = [row[0] for row in febrl.session.rows(sql("SELECT truth FROM given ORDER BY id"))]
    place = {key: number for number, key in enumerate(ids)}
    sure = febrl.pairs.filter(pc.greater_equal(febrl.pairs.column("probability"), 0.99))
    left = [place[key] for key in sure.column("left_id").to_pylist()]
    right = [place[key] for key in sure.column("right_id").to_pylist()]
    graph = coo_matrix((np.ones(len(left)), (left, right)), shape=(len(ids), len(ids)))
    _, labels = connected_components(graph, directed=False)
    found: dict[int, set[str]] = {}
    wanted: dict[str, set[str]] = {}
    for key, label, true in zip(ids, labels, truth, strict=True):
        found.setdefault(int(label), set()).add(key)
        wanted.setdefault(true, set()).add(key)
    clusters = {frozenset(group) for group in found.values()}
    people = {frozenset(group) for group in wanted.values()}
    assert len(people) == 2_000
    assert len(clusters & people) / len(people) >= 0.97
    mixed = [group for group in clusters if not any(group <= person for person in people)]
    assert len(mixed) <= 2


def test_the_weights_of_the_fields_add_up_to_the_weight_of_the_pair(febrl: Found) -> None:
    prior = febrl.model.settings["probability_two_random_records_match"]
    for row in febrl.pairs.slice(0, 500).to_pylist():
        told = sum(weight for weight in row["fields"].values() if weight is not None)
        assert np.log2(prior / (1 - prior)) + told == pytest.approx(row["weight"], abs=1e-6)
        assert row["probability"] == pytest.approx(1 / (1 + 2.0 ** -row["weight"]), abs=1e-9)


def test_pairs_are_in_one_order_and_nobody_is_paired_with_himself(febrl: Found) -> None:
    rows = febrl.pairs.select(["left_id", "right_id"]).to_pylist()
    assert all(row["left_id"] < row["right_id"] for row in rows)
    assert len({(row["left_id"], row["right_id"]) for row in rows}) == len(rows)


def test_the_record_s_own_id_is_not_compared(febrl: Found) -> None:
    assert {field.name for field in febrl.model.fields} == {
        "first_name",
        "last_name",
        "street",
        "city",
        "postcode",
        "region",
        "birth_date",
        "soc_sec_id",
    }


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("name", "  José-María  O'Neill ", "jose maria o neill"),
        ("name", "Анна", "анна"),
        ("name", "李 小龍", "李 小龍"),
        ("name", " - ", None),
        ("date", "1971-06-24", "19710624"),
        ("date", "24/06/1971", "19710624"),
        ("date", "19710624", "19710624"),
        ("date", "24. June 71", "2471"),
        ("date", "unknown", None),
        ("postcode", "sw1a 1aa", "sw1a1aa"),
        ("email", " Anna@Example.COM ", "anna@example.com"),
        ("phone", "+44 20 7946 0018", "442079460018"),
        ("code", "AB-12/3", "ab123"),
    ],
)
def test_texts_are_made_comparable(
    session: DuckDBSession, kind: str, text: str, expected: str | None
) -> None:
    session.bind("given", pa.table({"x": [text]}))
    found = standardised(kind, column("x"))  # type: ignore[arg-type]
    assert session.rows(exp.select(found).from_("given")) == [(expected,)]


def test_swapped_names_are_found(session: DuckDBSession) -> None:
    session.bind("given", pa.table(made_up_people(400, 60)))
    model = fit(session, bind_records(session, "given", key="id"))
    found = pairs(session, model, probability_min=0.5).to_pylist()
    wanted = {(f"{number:04}", f"{400 + number:04}") for number in range(60)}
    assert {(row["left_id"], row["right_id"]) for row in found} == wanted


def test_short_forms_of_a_name_speak_for_one_person(session: DuckDBSession) -> None:
    people = made_up_people(400, 60)
    forms = [("william", "bill"), ("robert", "Bob"), ("Екатерина", "Катя"), ("francisco", "paco")]
    for number in range(5, 21):
        people["first_name"][number], people["first_name"][400 + number] = forms[number % 4]
    session.bind("given", pa.table(people))
    model = fit(session, bind_records(session, "given", key="id"))
    found = pairs(session, model, probability_min=0.5).to_pylist()
    assert {(row["left_id"], row["right_id"]) for row in found} == {
        (f"{number:04}", f"{400 + number:04}") for number in range(60)
    }
    likeness = {row["left_id"]: row["fields"]["first_name"] for row in found}
    assert all(likeness[f"{number:04}"] > 3 for number in range(5, 21)), likeness


def test_a_whole_name_is_split_where_its_parts_are_not_known(session: DuckDBSession) -> None:
    people = made_up_people(400, 60)
    names = zip(people["first_name"], people["last_name"], strict=True)
    whole = [f"{first} {last}" for first, last in names]
    half = len(whole) // 2
    people["first_name"][half:] = [None] * (len(whole) - half)
    people["last_name"][half:] = [None] * (len(whole) - half)
    session.bind("given", pa.table({**people, "full_name": whole}))
    model = fit(session, bind_records(session, "given", key="id"))
    assert pairs(session, model, probability_min=0.5).num_rows == 60


def test_too_few_sure_pairs_are_told_instead_of_learned_from(session: DuckDBSession) -> None:
    session.bind("given", pa.table(made_up_people(400, 20)))
    fields = bind_records(session, "given", key="id")
    with pytest.raises(TooFewPairsError, match=r"Only 15 pairs of 420 people") as told:
        fit(session, fields)
    assert (told.value.found, told.value.needed) == (15, 30)


def test_nobody_at_all_is_told_too(session: DuckDBSession) -> None:
    session.bind(
        "given",
        pa.table({"id": pa.array([], pa.string()), "first_name": pa.array([], pa.string())}),
    )
    assert bind_records(session, "given", key="id") == ()
    with pytest.raises(TooFewPairsError):
        fit(session, ())


def test_fields_that_nobody_has_or_all_share_are_left_out(session: DuckDBSession) -> None:
    people = made_up_people(100, 10)
    size = len(people["id"])
    session.bind(
        "given",
        pa.table(
            {**people, "city": ["Leeds"] * size, "phone": pa.array([None] * size, pa.string())}
        ),
    )
    fields = bind_records(session, "given", key="id")
    assert [field.name for field in fields] == ["first_name", "last_name", "birth_date"]


def test_a_value_that_very_many_share_makes_no_block(session: DuckDBSession) -> None:
    """A default birthday of 30,000 people would be 450 million pairs."""
    size = 30_000
    session.bind(
        "records",
        pa.table(
            {
                "unique_id": [str(number) for number in range(size)],
                "birth_date": ["19000101"] * (size - 2) + ["19710624"] * 2,
            }
        ),
    )
    key = Key((("birth_date", None),))
    assert pairs_of(session, "records", key) > 400_000_000
    (block,) = bind_blocks(session, "records", [key], name="blocked")
    kept = session.rows(sql("SELECT unique_id FROM blocked WHERE :x IS NOT NULL", x=column(block)))
    assert kept == [("29998",), ("29999",)]


def test_codes_make_keys_of_their_own() -> None:
    fields = [MatchField.called("first_name"), MatchField.called("card_no")]
    assert [key.parts for key in keys_of(fields)] == [(("card_no", None),)]
    assert MatchField.called("card_no").kind == "code"


def test_who_is_new_is_compared_as_if_all_were(febrl: Found) -> None:
    """The pairs of new people are those that a look at everybody finds of them, with the same weights."""
    session = febrl.session
    session.materialise(
        "newcomers", sql("SELECT unique_id FROM records WHERE hash(unique_id) % 10 = 0")
    )
    new = {row[0] for row in session.rows(sql("SELECT unique_id FROM newcomers"))}
    found = pairs(session, febrl.model, probability_min=0.01, new="newcomers").to_pylist()
    wanted = [
        row for row in febrl.pairs.to_pylist() if row["left_id"] in new or row["right_id"] in new
    ]
    assert len(wanted) > 500
    assert [(row["left_id"], row["right_id"]) for row in found] == [
        (row["left_id"], row["right_id"]) for row in wanted
    ]
    assert [row["weight"] for row in found] == pytest.approx([row["weight"] for row in wanted])

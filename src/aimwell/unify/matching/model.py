"""The model: how much the likeness of each field tells, learned from the people themselves without labels.

Source: Fellegi and Sunter (1969), "A theory for record linkage"; the parameters by expectation maximisation, as
Splink does it. The share of pairs that are one person is taken from pairs that agree in fields which only one person
has together; of all true pairs these are assumed to be `CERTAIN_SHARE`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from splink import Linker, SettingsCreator, block_on
from splink.internals.blocking_rule_creator import BlockingRuleCreator
from sqlglot import exp

from aimwell.errors import TooFewPairsError
from aimwell.store.engine import Session
from aimwell.store.sql import column, sql
from aimwell.unify.matching.blocking import Key, bind_blocks, keys_of, pairs_of
from aimwell.unify.matching.fields import MatchField, comparison
from aimwell.unify.matching.over_session import SessionAPI

__all__ = ["RECORDS", "MatchModel", "fit", "pairs"]

RECORDS = "records"
"""Table of the session: `unique_id` and a column for each field, standardised."""

CERTAIN_SHARE = 0.8
PAIRS_NEEDED = 30
_SAMPLED_PAIRS = 2_000_000.0
_EM_PAIRS_MAX = 20_000_000
_EM_ROUNDS_MAX = 5
_CERTAIN = (
    ("first_name", "last_name", "birth_date"),
    ("first_name", "last_name", "street"),
    ("first_name", "last_name", "postcode"),
    ("last_name", "birth_date", "postcode"),
    ("first_name", "birth_date", "postcode"),
)
_LEARN_FROM = (
    ("birth_date",),
    ("first_name", "last_name"),
    ("postcode", "last_name"),
    ("postcode", "first_name"),
    ("street",),
    ("last_name", "city"),
)
_NAMES = frozenset({"first_name", "last_name"})
_log = logging.getLogger("splink")


@dataclass(frozen=True)
class MatchModel:
    """A learned model: its fields, the settings with all parameters, and what it was learned from."""

    fields: tuple[MatchField, ...]
    settings: Mapping[str, Any]
    people: int
    certain_pairs: int

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "fields": [[field.name, field.kind] for field in self.fields],
            "settings": dict(self.settings),
            "people": self.people,
            "certain_pairs": self.certain_pairs,
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> MatchModel:
        """What `to_dict` gave."""
        return cls(
            fields=tuple(MatchField(name, kind) for name, kind in document["fields"]),
            settings=document["settings"],
            people=document["people"],
            certain_pairs=document["certain_pairs"],
        )


def fit(session: Session, fields: Sequence[MatchField], *, seed: int = 1) -> MatchModel:
    """Learn a model from `records`.

    Raises:
        TooFewPairsError: Too few people surely stand there twice to learn from.
    """
    certain = _certain(fields)
    found = _count_certain(session, certain)
    [(people,)] = session.rows(sql("SELECT count(*) FROM records"))
    if found < PAIRS_NEEDED:
        raise TooFewPairsError(
            f"Only {found:,} pairs of {people:,} people surely are one person, and {PAIRS_NEEDED} are needed to "
            "learn from. So nobody is matched by likeness; identifiers join as always.",
            found=found,
            needed=PAIRS_NEEDED,
        )
    with _quiet():
        linker = _linker(session, RECORDS, _settings(fields, ()))
        training = linker.training
        training.estimate_probability_two_random_records_match(
            [block_on(*key) for key in certain], recall=CERTAIN_SHARE
        )
        training.estimate_u_using_random_sampling(max_pairs=_SAMPLED_PAIRS, seed=seed)
        for names in _rounds(session, fields):
            training.estimate_parameters_using_expectation_maximisation(block_on(*names))
        settings = linker.misc.save_model_to_json()
    return MatchModel(tuple(fields), settings, people, found)


def pairs(
    session: Session, model: MatchModel, *, probability_min: float, new: str | None = None
) -> pa.Table:
    """Pairs of `records` that may be one person.

    Args:
        session: With `records`.
        model: What was learned, from these people or earlier ones.
        probability_min: Less likely pairs are left out.
        new: A table with the `unique_id` of who is new: only pairs with at least one of them are looked at. They are
            those that a look at all pairs would find of them.

    Returns:
        One row a pair: `left_id` < `right_id`, `probability` (0 to 1), `weight` (log2 of the odds) and `fields`, a struct
        of what each field adds to the weight (null: missing on a side adds nothing).
    """
    blocks = bind_blocks(session, RECORDS, keys_of(model.fields), name="blocked", new=new)
    if not blocks:
        return _NO_PAIRS
    settings = {
        **model.settings,
        "blocking_rules_to_generate_predictions": [
            {"blocking_rule": f'l."{name}" = r."{name}"', "sql_dialect": "duckdb"}
            for name in blocks
        ],
        "retain_intermediate_calculation_columns": True,
        "retain_matching_columns": False,
    }
    with _quiet():
        linker = _linker(session, "blocked", settings)
        found = linker.inference.predict(
            threshold_match_probability=probability_min, warning_mode="never"
        )
    weights = exp.Struct(
        expressions=[
            exp.PropertyEQ(this=exp.to_identifier(field.name), expression=_weight(field, found))
            for field in model.fields
        ]
    )
    return session.table(
        sql(
            """
            SELECT least(unique_id_l, unique_id_r) AS left_id, greatest(unique_id_l, unique_id_r) AS right_id,
                   match_probability AS probability, match_weight AS weight, :weights AS fields
            FROM :found WHERE :touched ORDER BY probability DESC, left_id, right_id
            """,
            weights=weights,
            found=exp.to_table(found.physical_name),
            touched=_touched(new),
        )
    )


_NO_PAIRS = pa.table(
    {
        "left_id": pa.array([], pa.string()),
        "right_id": pa.array([], pa.string()),
        "probability": pa.array([], pa.float64()),
        "weight": pa.array([], pa.float64()),
        "fields": pa.array([], pa.struct([])),
    }
)


def _touched(new: str | None) -> exp.Expr:
    if new is None:
        return exp.true()
    return sql(
        "unique_id_l IN (SELECT unique_id FROM :new) OR unique_id_r IN (SELECT unique_id FROM :new)",
        new=exp.to_table(new),
    )


def _weight(field: MatchField, found: Any) -> exp.Expr:
    """What a field adds, its frequency's part included."""
    names = {one.unquote().name for one in found.columns}
    own = column(f"mw_{field.name}")
    frequency = f"mw_tf_adj_{field.name}"
    return sql(":a + :b", a=own, b=column(frequency)) if frequency in names else own


def _certain(fields: Sequence[MatchField]) -> list[tuple[str, ...]]:
    known = {field.name for field in fields}
    found = [names for names in _CERTAIN if known.issuperset(names)]
    return found + [(field.name,) for field in fields if field.kind in ("code", "email")]


def _count_certain(session: Session, certain: Sequence[tuple[str, ...]]) -> int:
    """At least so many pairs agree in fields that only one person has together."""
    keys = [Key(tuple((name, None) for name in names)) for names in certain]
    return max((pairs_of(session, RECORDS, key) for key in keys), default=0)


def _rounds(session: Session, fields: Sequence[MatchField]) -> Iterator[tuple[str, ...]]:
    """Blocks to learn from: each round learns of the fields that its block does not fix, so two at least are needed."""
    known = {field.name for field in fields}
    choices = [names for names in _LEARN_FROM if known.issuperset(names)]
    choices += [(field.name,) for field in fields if field.kind in ("code", "email", "phone")]
    learned: dict[str, int] = dict.fromkeys(known, 0)
    rounds = 0
    for names in choices:
        # Each name is compared with the other one too, so that a block which fixes one teaches of neither.
        teaches = known.difference(names, _NAMES if _NAMES.intersection(names) else ())
        if rounds >= 2 and all(learned[name] for name in teaches):
            continue
        count = pairs_of(session, RECORDS, Key(tuple((name, None) for name in names)))
        if not PAIRS_NEEDED <= count <= _EM_PAIRS_MAX:
            continue
        yield names
        rounds += 1
        for name in teaches:
            learned[name] += 1
        if rounds == _EM_ROUNDS_MAX:
            return


def _settings(
    fields: Sequence[MatchField], blocks: Sequence[BlockingRuleCreator]
) -> SettingsCreator:
    swaps = {field.name for field in fields} >= _NAMES
    return SettingsCreator(
        link_type="dedupe_only",
        comparisons=[comparison(field, swaps=swaps) for field in fields],
        blocking_rules_to_generate_predictions=list(blocks),
        retain_intermediate_calculation_columns=True,
    )


def _linker(session: Session, table: str, settings: SettingsCreator | dict[str, Any]) -> Linker:
    return Linker(SessionAPI(session).register(table), settings, log_level=logging.ERROR)


@contextmanager
def _quiet() -> Iterator[None]:
    """Splink tells much of its training; what matters of it is in the model."""
    before = _log.level
    _log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        _log.setLevel(before)

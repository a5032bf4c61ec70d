"""Applies a source's rules of form, as they are now, to what it told before: to the originals that were kept.

    restandardise(stores, "shop", now=now, dry_run=True).changed     # {'first_name': 120, 'phone': 41}

Personal fields (see `privacy.originals`) and traits are made anew of the texts as they came. Where no original was kept
the value is as it came. What changed is a load of its own: the vault, the identifiers and the lake's new statements
count together, or, where the process is killed, not at all; run again it does the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlglot import exp

from aimwell.collect import loads
from aimwell.collect.desk import Desk, full_disk_is_told, open_desk
from aimwell.collect.model import LoadReport
from aimwell.collect.reforms import FormRule, form_rules, formed, trait_rules
from aimwell.collect.standards import is_lossy
from aimwell.collect.touching import keep_touched
from aimwell.collect.vault_forms import VaultForms
from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.source import Source
from aimwell.errors import CollectError
from aimwell.privacy.erased import bind_erased, not_erased
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["Restandardised", "restandardise"]


@dataclass(frozen=True)
class Restandardised:
    """What a run changed, or with `dry_run` would change.

    Args:
        changed: Field (traits as `traits.NAME`) → values that have another form now.
        lost: Those of them of which nothing can be made any more, as a number without its country.
        people: Whom it concerns.
        applied: Whether it was done.
    """

    source: str
    changed: Mapping[str, int] = field(default_factory=dict)
    lost: Mapping[str, int] = field(default_factory=dict)
    people: int = 0
    applied: bool = False

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def restandardise(
    stores: Stores, source: str, *, now: datetime, dry_run: bool = False
) -> Restandardised:
    """Make personal fields and traits of a source anew by its definition as it is now.

    Args:
        stores: The workspace.
        source: Name of a source of files that is applied.
        now: The present.
        dry_run: Only count.

    Raises:
        UnknownDefinitionError: There is no such source.
        CollectError: It takes messages, whose texts stay as they came, or two of its entities are at odds.
    """
    definition = definitions.find(stores.control, Source, source)
    if definition.tracking is not None:
        raise CollectError(
            f"'{source}' takes messages of tracking clients, which keep their texts as they came: there is nothing to "
            "bring into another form."
        )
    country = definition.country or stores.settings.country
    fields, traits = form_rules(definition, country), trait_rules(definition)
    with full_disk_is_told(), loads.hold_source(stores, source), open_desk(stores) as desk:
        loads.publish_prepared(stores, source)
        loads.sweep(stores)
        changed, lost = Counter[str](), Counter[str]()
        origins: set[str] = set()
        _bind_traits(stores, desk, definition, traits)
        for name, number in desk.session.rows(
            sql("SELECT name, count(*) FROM reformed GROUP BY name ORDER BY name")
        ):
            changed[f"traits.{name}"] = number
        vault = VaultForms(stores, definition, fields, country, desk.session)
        for change in vault.changes():
            changed[change.field] += 1
            lost[change.field] += not change.new
            origins.add(change.origin_id)
        desk.session.bind("told_people", pa.table({"origin_id": pa.array(origins, pa.string())}))
        touched = sql("SELECT origin_id FROM told_people UNION SELECT origin_id FROM reformed")
        [(people,)] = desk.session.rows(sql("SELECT count(*) FROM :t AS t", t=touched))
        found = Restandardised(source, dict(sorted(changed.items())), dict(+lost), int(people))
        if dry_run or not changed:
            return found
        _apply(stores, desk, definition, found, vault, touched, now=now)
    return Restandardised(source, found.changed, found.lost, found.people, applied=True)


def _apply(
    stores: Stores,
    desk: Desk,
    source: Source,
    found: Restandardised,
    vault: VaultForms,
    touched: exp.Expr,
    *,
    now: datetime,
) -> None:
    seen = loads.ended_loads(stores, source.name)
    told = ["standardised again", *sorted(seen)]
    load = loads.begin_replay(stores, source, source.entities[0], (), told, now=now)
    folder = loads.new_folder(stores, load)
    try:
        _write_traits(desk, folder, source.name, load)
        report = LoadReport(
            load_id=load.load_id,
            source=source.name,
            entity=load.entity,
            state="taken",
            collected_at=load.started_at,
            people=found.people,
            statements=sum(n for name, n in found.changed.items() if name.startswith("traits.")),
            replay=True,
            standardised=found.changed,
        )
        name = keep_touched(stores, desk, folder, touched)
        loads.prepare(stores, load, report, folder, seen=seen, touched=name, also=vault.write)
    except Exception as error:
        loads.fail(stores, load, folder, error=error)
        raise
    loads.publish(stores, load.load_id)


# Of each statement the newest word, and the text of which that very word was made. A gap that a rule filled has none.
_AS_CAME = """
    SELECT t.origin_id, t.name, t.set_at, t.said.value AS value,
           CASE WHEN starts_with(m.mark.how, 'standard:') THEN coalesce(m.mark.original, t.said.value)
                ELSE t.said.value END AS was
    FROM (
      SELECT origin_id, name, set_at, max(received_at) AS received_at,
             arg_max(struct_pack(value := value), (received_at, value)) AS said
      FROM raw_traits AS t WHERE source = :source AND name IN :names AND :stays
      GROUP BY origin_id, name, set_at
    ) AS t LEFT JOIN (
      SELECT origin_id, name, set_at, received_at,
             any_value(struct_pack(how := how, original := original)) AS mark
      FROM raw_trait_marks WHERE source = :source GROUP BY origin_id, name, set_at, received_at
    ) AS m USING (origin_id, name, set_at, received_at)
    WHERE t.said.value IS NOT NULL AND NOT coalesce(starts_with(m.mark.how, 'filled:'), FALSE)
    """


def _bind_traits(stores: Stores, desk: Desk, source: Source, rules: Mapping[str, FormRule]) -> None:
    """Make `reformed` (origin_id, name, set_at, value, how, original; these two null where nothing is lost)."""
    session = desk.session
    for name, version in stores.lake.pin("traits", "trait_marks").tables.items():
        session.bind(f"raw_{name}", version)
    as_came = sql(
        _AS_CAME,
        source=source.name,
        names=sorted(rules) or [""],
        stays=not_erased("t") if bind_erased(stores, session) else True,
    )
    session.materialise("as_came", as_came)
    forms: list[dict[str, Any]] = []
    for name, was in session.rows(sql("SELECT DISTINCT name, was FROM as_came")):
        rule = rules[name]
        [made] = formed("", pa.array([was]), rule, dates=source.dates, nobody=()).to_pylist()
        lossy = made is not None and is_lossy(was, made)
        how = rule.how if lossy else None
        forms.append({"name": name, "was": was, "made": made, "how": how})
    kinds = pa.schema([(name, pa.string()) for name in ("name", "was", "made", "how")])
    session.bind("trait_forms", pa.Table.from_pylist(forms, schema=kinds))
    session.materialise(
        "reformed",
        sql(
            """
            SELECT a.origin_id, a.name, a.set_at, f.made AS value, f.how,
                   CASE WHEN f.how IS NOT NULL THEN a.was END AS original
            FROM as_came AS a JOIN trait_forms AS f ON f.name = a.name AND f.was = a.was
            WHERE f.made IS NOT NULL AND f.made <> a.value
            """
        ),
    )


def _write_traits(desk: Desk, folder: Path, source: str, load: loads.Load) -> None:
    whence = {"source": source, "load": load.load_id, "at": load.started_at}
    parts = {
        "traits": sql(
            """
            SELECT origin_id, name, value, set_at, :source AS source, :load AS load_id, :at AS received_at FROM reformed
            """,
            **whence,
        ),
        "trait_marks": sql(
            """
            SELECT origin_id, name, set_at, how, original, :source AS source, :load AS load_id, :at AS received_at
            FROM reformed WHERE how IS NOT NULL
            """,
            **whence,
        ),
    }
    for table, query in parts.items():
        [(rows,)] = desk.session.rows(sql("SELECT count(*) FROM :q AS q", q=query))
        if rows:
            desk.write_files(query, folder / table)

"""Texts in one form, and gaps filled where a rule says so, before anything is made of them.

`bind_standard` makes `texts` of `given`. What was changed so that something is lost, and what was filled, stands in
`marks`: n, field, `how` (as 'standard:country' or 'filled:constant') and `was`, the text before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
from sqlglot import exp

from aimwell.collect.clean_texts import UNICODE, bind_clean
from aimwell.collect.job import Job
from aimwell.collect.lake_fills import bind_known, key_of
from aimwell.collect.standards import is_lossy, standard
from aimwell.definitions.kinds.source import Entity, Source
from aimwell.definitions.source_standards import Fill, Step
from aimwell.privacy.vault import PERSON_FIELDS
from aimwell.store.engine import Session
from aimwell.store.sql import column, sql, union_all

__all__ = [
    "MARKS",
    "Standardised",
    "bind_standard",
    "marked_properties",
    "personal_forms",
    "steps_of",
]

MARKS = "marks"
_DEFAULTS: Mapping[str, tuple[Step, ...]] = {"traits.country": ("country",)}


@dataclass(frozen=True)
class Standardised:
    """What was done: field → rows brought into another form, filled, and not recognised; `touched` fields have to be
    looked at anew."""

    changed: Mapping[str, int] = field(default_factory=dict)
    filled: Mapping[str, int] = field(default_factory=dict)
    unknown: Mapping[str, int] = field(default_factory=dict)
    touched: tuple[str, ...] = ()

    def warnings(self, entity: Entity) -> list[str]:
        """What a person should know."""
        return [
            f"{name}: {rows:,} {'value' if rows == 1 else 'values'} not recognised "
            f"({', '.join(steps_of(entity).get(name, ()))}), kept as they are"
            for name, rows in self.unknown.items()
        ]


def steps_of(entity: Entity) -> dict[str, tuple[Step, ...]]:
    """Field → what is done with its values: as the definition says, else what its name asks for."""
    mapped = {path.removeprefix("map.") for path, _ in entity.values()}
    steps = {name: steps for name, steps in _DEFAULTS.items() if name in mapped}
    steps |= {name: tuple(given) for name, given in entity.standardise.items()}
    return {name: todo for name, todo in steps.items() if todo != ("keep",)}


def personal_forms(entity: Entity, country: str | None) -> dict[str, str]:
    """Personal field that is brought into one form → how; `country`: of telephone numbers without a prefix."""
    mapped = {path.removeprefix("map.") for path, _ in entity.values()}
    found = {
        name: "+".join(steps)
        for name, steps in steps_of(entity).items()
        if name in PERSON_FIELDS or name.startswith("vault.")
    }
    own = {"email": "email", "phone": f"phone:{country or ''}"}
    personal = [n for n in mapped if n in PERSON_FIELDS or n.startswith("vault.")]
    return {name: own.get(name, UNICODE) for name in sorted(personal)} | found


def bind_standard(job: Job, entity: Entity, *, odd: bool) -> Standardised:
    """Bind `texts` and make MARKS of `given`; `odd`: there may be other characters than those of ASCII that are seen."""
    session, fields, source = job.session, job.fields, job.source
    steps, fills = steps_of(entity), entity.fill
    kept = [name for name, given in entity.standardise.items() if tuple(given) == ("keep",)]
    cleaned = bind_clean(session, fields, kept, odd=odd)
    if not steps and not fills:
        session.bind("texts", exp.select("*").from_("clean"))
        return Standardised(touched=cleaned)
    names = [one.name for one in fields]
    unknown = _bind_forms(session, steps, source)
    _bind_formed(session, names, steps)
    _bind_filled(job, names, fills)
    marks = [_form_marks(place, name, todo) for place, (name, todo) in enumerate(steps.items())]
    marks += [
        _fill_marks(job, place, name, fill) for place, (name, fill) in enumerate(fills.items())
    ]
    session.materialise(MARKS, union_all(marks))
    _bind_marked(session)
    counts = session.rows(
        sql("SELECT field, how LIKE 'filled:%', count(*) FROM marks GROUP BY 1, 2")
    )
    return Standardised(
        changed={name: rows for name, filled, rows in sorted(counts) if not filled},
        filled={name: rows for name, filled, rows in sorted(counts) if filled},
        unknown=unknown,
        touched=tuple(dict.fromkeys([*cleaned, *steps, *fills])),
    )


def _bind_forms(
    session: Session, steps: Mapping[str, tuple[Step, ...]], source: Source
) -> dict[str, int]:
    """For each field a table of its different texts (`raw`), what they become (`made`), and whether the text has to
    be kept (`lossy`); returns how many rows hold a text of which nothing could be made."""
    unknown: dict[str, int] = {}
    for place, (name, todo) in enumerate(steps.items()):
        found = session.table(
            sql(
                "SELECT count(*) AS rows, :x AS raw FROM clean WHERE :x IS NOT NULL GROUP BY 2",
                x=column(name),
            )
        ).to_pylist()
        made = [standard(row["raw"], todo, source.dates) for row in found]
        odd = sum(row["rows"] for row, (_, known) in zip(found, made, strict=True) if not known)
        if odd:
            unknown[name] = odd
        session.bind(
            f"forms_{place}",
            pa.table(
                {
                    "raw": pa.array([row["raw"] for row in found], pa.string()),
                    "made": pa.array([text or None for text, _ in made], pa.string()),
                    "lossy": pa.array(
                        [
                            is_lossy(row["raw"], text)
                            for row, (text, _) in zip(found, made, strict=True)
                        ],
                        pa.bool_(),
                    ),
                }
            ),
        )
    return unknown


def _bind_formed(
    session: Session, names: Sequence[str], steps: Mapping[str, tuple[Step, ...]]
) -> None:
    places = {name: place for place, name in enumerate(steps)}
    columns = [
        exp.alias_(column("made", f"forms_{places[name]}"), name, quoted=True)
        if name in places
        else column(name, "g")
        for name in names
    ]
    query = exp.select("g.n", "g.unmatched", *columns).from_(exp.to_table("clean").as_("g"))
    for name, place in places.items():
        raw = column("raw", f"forms_{place}")
        query = query.join(
            exp.to_table(f"forms_{place}"),
            on=sql(":x = :raw", x=column(name, "g"), raw=raw),
            join_type="left",
        )
    session.bind("formed", query)


def _bind_filled(job: Job, names: Sequence[str], fills: Mapping[str, Fill]) -> None:
    session = job.session
    values = {
        name: _value(job, place, name, fill) for place, (name, fill) in enumerate(fills.items())
    }
    columns = [
        exp.alias_(
            sql("coalesce(:x, :value)", x=column(name, "f"), value=values[name]), name, quoted=True
        )
        if name in values
        else column(name, "f")
        for name in names
    ]
    query = exp.select("f.n", "f.unmatched", *columns).from_(exp.to_table("formed").as_("f"))
    for place, fill in enumerate(fills.values()):
        if fill.median_by is not None or fill.known_in is not None:
            known = fill.median_by is None
            by = key_of(job, fill, "f") if known else column(str(fill.median_by), "f")
            group = column("grp", f"stand_ins_{place}")
            query = query.join(
                exp.to_table(f"stand_ins_{place}"),
                on=sql(":by = :grp", by=by, grp=group),
                join_type="left",
            )
    if any(fill.constant is None and fill.from_ is None for fill in fills.values()):
        session.materialise("texts", query)  # looked at many times, and worked out once
    else:
        session.bind("texts", query)


def _value(job: Job, place: int, name: str, fill: Fill) -> exp.Expr:
    """What stands in for a missing value."""
    session, source = job.session, job.source
    if fill.constant is not None:
        return exp.Literal.string(fill.constant)
    if fill.from_ is not None:
        return column(fill.from_, "f")
    if fill.last_known_by is not None:
        last = sql(
            """
            last_value(:x IGNORE NULLS)
            OVER (PARTITION BY :by ORDER BY f.n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
            """,
            x=column(name, "f"),
            by=column(fill.last_known_by, "f"),
        )
        return sql(
            "CASE WHEN :by IS NOT NULL THEN :last END",
            by=column(fill.last_known_by, "f"),
            last=last,
        )
    comma = source.decimal == ","
    if fill.known_in is not None:
        bind_known(job, fill, f"stand_ins_{place}", key_of(job, fill, "formed"))
        known = column("middle", f"stand_ins_{place}")
        money = fill.known_in in ("products.price", "products.unit_cost")
        return sql("replace(:m, '.', ',')", m=known) if comma and money else known
    assert fill.median_by is not None  # noqa: S101 - one way is given
    x = sql("replace(replace(:x, '.', ''), ',', '.')", x=column(name)) if comma else column(name)
    middle = sql(
        "CAST(CAST(round(median(TRY_CAST(:x AS double)), 4) AS decimal(18, 4)) AS varchar)", x=x
    )
    session.materialise(
        f"stand_ins_{place}",
        sql(
            "SELECT count(*) AS rows, :by AS grp, :middle AS middle FROM formed WHERE :by IS NOT NULL GROUP BY 2",
            by=column(fill.median_by),
            middle=sql("replace(:m, '.', ',')", m=middle) if comma else middle,
        ),
    )
    return column("middle", f"stand_ins_{place}")


def _form_marks(place: int, name: str, steps: Sequence[Step]) -> exp.Expr:
    return sql(
        """
        SELECT g.n, :name AS field, :how AS how, g.x AS was
        FROM (SELECT n, :x AS x FROM clean) AS g JOIN :forms AS o ON o.raw = g.x WHERE o.lossy
        """,
        name=name,
        how=f"standard:{'+'.join(steps)}",
        x=column(name),
        forms=exp.to_table(f"forms_{place}"),
    )


def _fill_marks(job: Job, place: int, name: str, fill: Fill) -> exp.Expr:
    how: exp.Expr | str = fill.way
    if fill.known_in is not None:  # by whom it was said then
        how = sql(":way || ' of ' || k.whence", way=fill.way)
    query = sql(
        """
        SELECT f.n, :name AS field, :how AS how, CAST(NULL AS varchar) AS was
        FROM formed AS f JOIN texts AS t ON t.n = f.n WHERE :before IS NULL AND :after IS NOT NULL
        """,
        name=name,
        how=how,
        before=column(name, "f"),
        after=column(name, "t"),
    )
    if fill.known_in is None:
        return query
    assert isinstance(query, exp.Select)  # noqa: S101 - it is one
    return query.join(
        exp.to_table(f"stand_ins_{place}").as_("k"),
        on=sql(":by = k.grp", by=key_of(job, fill, "f")),
    )


def _bind_marked(session: Session) -> None:
    """`marked`: n, and what properties say of the marks of a row: `_filled` and `_original`, objects by field."""
    session.materialise(
        "marked",
        sql(
            """
            SELECT n, json_merge_patch('{}', json_object(
                '_filled', to_json(map(
                    list(field ORDER BY field) FILTER (WHERE how LIKE 'filled:%'),
                    list(substr(how, 8) ORDER BY field) FILTER (WHERE how LIKE 'filled:%'))),
                '_original', to_json(map(
                    list(field ORDER BY field) FILTER (WHERE was IS NOT NULL),
                    list(was ORDER BY field) FILTER (WHERE was IS NOT NULL))))) AS extra
            FROM marks WHERE NOT starts_with(field, 'traits.') GROUP BY n
            """
        ),
    )


def marked_properties(properties: exp.Expr, n: exp.Expr) -> exp.Expr:
    """The properties of the row `n`, with its marks. Those of traits stand in a table of their own."""
    return sql(
        """
        CASE WHEN :n IN (SELECT n FROM marked)
             THEN CAST(json_merge_patch(coalesce(:properties, '{}'),
                                        (SELECT m.extra FROM marked AS m WHERE m.n = :n)) AS varchar)
             ELSE :properties END
        """,
        properties=properties,
        n=n,
    )

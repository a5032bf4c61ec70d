"""Whom a file of customers tells anything of that it did not tell before: a file that is sent again whole concerns nobody else.

Of each person the lake's `known_people` keeps a keyed hash of all that a source said of them last. Who is told of in the
same words need not be kept, looked for in the identity graph, or looked at. What stands in the vault by now stays then,
though another source has said it: repeating is no news.
"""

from __future__ import annotations

from sqlglot import exp

from aimwell.collect.job import Job
from aimwell.collect.load_keys import digest
from aimwell.store.sql import column, sql

__all__ = ["sort_out_said_again", "write_known"]

_MAPPING_LENGTH = 8
_HASH_LENGTH = 24


def sort_out_said_again(job: Job) -> int:
    """Make `said_anew` (person, origin_id, content) of `fresh` and narrow `fresh` to them; returns how many people were told
    of in all.

    A word counts as the one before where every mapped value is the same, and so is the text of which a personal field
    was made. Another mapping says other things.
    """
    session, forms = job.session, [name for name in job.forms if name in job.names]
    values = [sql("CAST(:x AS varchar)", x=column(name, "f")) for name in job.names]
    values += [column(name, "g") for name in forms]
    rows = exp.select(
        "f.person",
        "f.n",
        exp.alias_(
            sql(
                "md5(CAST(:all AS varchar))",
                all=exp.Anonymous(this="json_array", expressions=values),
            ),
            "body",
        ),
    ).from_(exp.to_table("fresh").as_("f"))
    if forms:
        rows = rows.join(exp.to_table("given").as_("g"), on="g.n = f.n")
    mapping = digest([[one.name, one.value.model_dump(mode="json")] for one in job.fields])
    session.materialise(
        "contents",
        sql(
            """
            SELECT s.person, o.origin_id, :mapping || substr(sha256(:key || s.bodies), 1, :length) AS content
            FROM (SELECT person, string_agg(body, ',' ORDER BY n) AS bodies FROM :rows AS r GROUP BY person) AS s
            JOIN origins AS o ON o.person = s.person
            """,
            mapping=mapping[:_MAPPING_LENGTH],
            key=job.stores.identity_key.hex(),
            length=_HASH_LENGTH,
            rows=exp.paren(rows),
        ),
    )
    job.bind_own("known_people", "lake_known", "origin_id", "content", "received_at")
    held = sql(
        """
        SELECT k.origin_id, arg_max(k.content, k.received_at) AS content FROM lake_known AS k
        WHERE starts_with(k.content, :mapping) GROUP BY k.origin_id
        """,
        mapping=mapping[:_MAPPING_LENGTH],
    )
    session.materialise(
        "said_anew",
        sql(
            """
            SELECT c.* FROM contents AS c LEFT JOIN :held AS h ON h.origin_id = c.origin_id
            WHERE h.content IS DISTINCT FROM c.content
            """,
            held=exp.paren(held),
        ),
    )
    [(people, anew)] = session.rows(
        sql("SELECT (SELECT count(*) FROM contents), (SELECT count(*) FROM said_anew)")
    )
    if anew < people:
        session.materialise(
            "fresh_anew", sql("SELECT * FROM fresh WHERE person IN (SELECT person FROM said_anew)")
        )
        session.bind("fresh", sql("SELECT * FROM fresh_anew"))
    return int(people)


def write_known(job: Job) -> None:
    """Who was told of anew, with the hash of it: what `exists_in: customers` asks, and the next load."""
    rows = exp.select("k.origin_id", "k.content").from_(exp.to_table("said_anew").as_("k"))
    job.write("known_people", rows.select(*job.provenance.columns()))

"""The form that a source's rules give to texts now: of personal fields, and of traits.

What a rule made earlier is not looked at, only the text as it came, so that a rule may be changed and changed back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from aimwell.collect.nobody import no_address, no_number
from aimwell.collect.standardising import personal_forms, steps_of
from aimwell.collect.standards import standard
from aimwell.collect.unseen import clean_text
from aimwell.definitions.kinds.source import Source
from aimwell.definitions.source_standards import Step
from aimwell.errors import CollectError
from aimwell.privacy.contact_points import normalise_emails, normalise_phones

__all__ = ["FormRule", "form_rules", "formed", "trait_rules"]

_TRAITS = "traits."
_FIXED = "customer_id"
"""The name of an origin: rows that came under it keep it for ever."""


@dataclass(frozen=True)
class FormRule:
    """How a field's texts are brought into their form.

    Args:
        steps: Done in turn.
        kept: The text stays as it came, unseen characters too.
        how: The rule as it is noted beside an original.
    """

    steps: tuple[Step, ...]
    kept: bool
    how: str


def form_rules(source: Source, country: str | None) -> dict[str, FormRule]:
    """Personal field, as the vault calls it, → its rule; `country`: of numbers without a prefix.

    Raises:
        CollectError: Two entities of the source say different things of one field.
    """
    found: dict[str, FormRule] = {}
    for entity in source.entities:
        for field, how in personal_forms(entity, country).items():
            given = tuple(entity.standardise.get(field, ()))
            rule = FormRule(steps_of(entity).get(field, ()), given == ("keep",), how)
            name = field.removeprefix("vault.")
            if name != _FIXED and found.setdefault(name, rule) != rule:
                raise _at_odds(source, field)
    return found


def trait_rules(source: Source) -> dict[str, FormRule]:
    """Trait → its rule, of all that the source maps.

    Raises:
        CollectError: Two entities of the source say different things of one trait.
    """
    found: dict[str, FormRule] = {}
    for entity in source.entities:
        mapped = {path.removeprefix("map.") for path, _ in entity.values()}
        for field in sorted(name for name in mapped if name.startswith(_TRAITS)):
            steps = steps_of(entity).get(field, ())
            given = tuple(entity.standardise.get(field, ()))
            rule = FormRule(steps, given == ("keep",), f"standard:{'+'.join(steps)}")
            if found.setdefault(field.removeprefix(_TRAITS), rule) != rule:
                raise _at_odds(source, field)
    return found


def _at_odds(source: Source, field: str) -> CollectError:
    return CollectError(
        f"Two entities of '{source.name}' bring {field} into different forms, and what was kept does not say by which "
        "of them it came. Give both the same `standardise`."
    )


def formed(
    field: str,
    texts: pa.Array,
    rule: FormRule,
    *,
    dates: Sequence[str],
    nobody: Sequence[str],
    countries: pa.Array | str | None = None,
) -> pa.Array:
    """What the rule makes of each text; null where nothing can be made of it.

    Args:
        field: An `email` or `phone` is brought into its normal form besides.
        texts: As they came.
        rule: What is done.
        dates: Forms of dates.
        nobody: Addresses and numbers that are nobody's.
        countries: Of telephone numbers without a prefix, one or one for each.
    """
    made: Mapping[str, str | None] = {
        text: _one(text, rule, dates) for text in set(texts.to_pylist()) if text is not None
    }
    values = pa.array([made.get(text) for text in texts.to_pylist()], pa.string())
    if field == "email":
        values = normalise_emails(values)
        return _unless(no_address(values, nobody), values)
    if field == "phone":
        values = normalise_phones(values, countries)
        return _unless(no_number(values, nobody), values)
    return values


def _one(text: str, rule: FormRule, dates: Sequence[str]) -> str | None:
    if rule.kept:
        return text
    return standard(clean_text(text), rule.steps, dates)[0] or None


def _unless(nobodys: pa.Array, values: pa.Array) -> pa.Array:
    return pc.if_else(pc.fill_null(nobodys, False), pa.scalar(None, pa.string()), values)

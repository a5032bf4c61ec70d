"""What tells one load from another: hashes of the mapping and of the files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from aimwell.collect.files import InputFile
from aimwell.collect.surveys import find_survey
from aimwell.definitions.kinds.source import Entity, InputSpec, Source
from aimwell.definitions.source_more import AnswersEntity
from aimwell.store.stores import Stores

__all__ = ["digest", "fingerprint"]

_FORMAT = 2  # raised when the same file would be taken differently


def fingerprint(
    stores: Stores,
    source: Source,
    entity: Entity,
    files: Mapping[str, Sequence[InputFile]] | None,
) -> tuple[str, str]:
    """(content hash, mapping hash): the first also over the bytes of the entity's files, if they are given."""
    used = [source.file_of(entity), *(join.file for join in entity.join)]
    settings = source.model_dump(mode="json", exclude=_NOT_OF_THE_MAPPING)
    forms = {name: _form(source.files[name]) for name in used}
    defaults = stores.settings
    mapping = digest(
        {
            "format": _FORMAT,
            "entity": entity.model_dump(
                mode="json", by_alias=True, exclude={"expect"}, exclude_defaults=True
            ),
            **_survey_of(stores, entity),
            "settings": settings,
            "forms": forms,
            "defaults": [defaults.currency, defaults.timezone, defaults.country],
        }
    )
    bytes_ = {name: sorted(file.sha256 for file in (files or {}).get(name, ())) for name in used}
    # Other expectations take other rows of the same file, but each row as before.
    kept = [one.model_dump(mode="json") for one in entity.expect if one.level == "quarantine"]
    body = {"mapping": mapping, "bytes": bytes_, **({"expect": kept} if kept else {})}
    return digest(body), mapping


_NOT_OF_THE_MAPPING = {
    *("name", "description", "kind", "files", "entities"),
    *("schedule", "folder", "freshness", "volume", "columns_changed"),
}
_FORM_FIELDS = {"format", "encoding", "delimiter", "header", "columns"}
_FURTHER_FIELDS = {"sheet", "header_row", "merged", "records", "query"}
_FURTHER_FIELDS |= {"row_key", "key_values", "explode", "may_lack_columns"}


def _form(spec: InputSpec) -> dict[str, Any]:
    """What of an input decides how its rows are read; where they lie does not."""
    form: dict[str, Any] = spec.model_dump(mode="json", include=_FORM_FIELDS)
    return form | spec.model_dump(mode="json", include=_FURTHER_FIELDS, exclude_defaults=True)


def _survey_of(stores: Stores, entity: Entity) -> dict[str, Any]:
    """The survey by which answers are read: they are read anew once it has changed."""
    if not isinstance(entity, AnswersEntity):
        return {}
    return {"survey": find_survey(stores, entity).model_dump(mode="json")}


def digest(value: Any) -> str:
    """The hash of a value that JSON can say."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()

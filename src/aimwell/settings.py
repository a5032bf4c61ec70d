"""Settings of a workspace: environment over `aimwell.toml` over default, read once at the edge.

Each setting has a name that is unique over all groups, a type, a unit (last in the name), a default and a
help text. In the file a setting stands in its group (`[workspace]`, `[store]` …); in the environment it is
`AIMWELL_` and the name in capitals, as `AIMWELL_CONTROL_URL`.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from aimwell.currencies import known_currency
from aimwell.errors import JobError, SettingsError, nearest
from aimwell.zones import known_zones, nearest_zone

__all__ = ["FILE_NAME", "Settings", "known_country", "load_settings", "render_toml"]

FILE_NAME = "aimwell.toml"
_PREFIX = "AIMWELL_"
_SLIP = 0.85  # how alike a name in the environment must be to count as a mistyped setting
_SECRET = {"control_url"}  # may hold a password, so its value is never shown

_BESIDE_ISO = {"XK"}  # Kosovo: in no list of ISO, and what everybody writes

Share = Annotated[float, Field(ge=0, le=1)]


def known_country(code: str) -> str:
    """The code, if it is a country's. Raises ValueError."""
    if code not in _country_codes():
        like = {"UK": "The United Kingdom is GB.", "EL": "Greece is GR."}
        raise ValueError(
            f"no country has this ISO 3166 code. {like.get(code, 'Codes are as GB, IE, DE.')}"
        )
    return code


@cache
def _country_codes() -> frozenset[str]:
    table = files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text(encoding="utf-8")
    lines = [line for line in table.splitlines() if not line.startswith("#")]
    return frozenset(line.partition("\t")[0] for line in lines) | _BESIDE_ISO


class Settings(BaseModel):
    """All settings of one workspace. `json_schema_extra["group"]` names the group in the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    currency: str = Field(
        default="GBP",
        pattern="^[A-Z]{3}$",
        description="ISO 4217 code of the currency in which money is reported.",
        json_schema_extra={"group": "workspace"},
    )
    timezone: str = Field(
        default="UTC",
        description="IANA time zone of the firm: its days, and people whose zone is unknown.",
        json_schema_extra={"group": "workspace"},
    )
    country: str | None = Field(
        default=None,
        pattern="^[A-Z]{2}$",
        description="ISO 3166 code of the home country, to read telephone numbers without a prefix.",
        json_schema_extra={"group": "workspace"},
    )
    margin_default: Share | None = Field(
        default=None,
        description="Margin as a share of revenue where neither unit cost nor category tells it. "
        "Without it the profit of such sales is unknown.",
        json_schema_extra={"group": "workspace"},
    )
    control_url: str | None = Field(
        default=None,
        repr=False,
        description="SQLAlchemy URL of the control database, as "
        "postgresql+psycopg://user@host/aimwell. Default: the file control.sqlite3 in the workspace.",
        json_schema_extra={"group": "store"},
    )
    engine: Literal["duckdb", "spark"] = Field(
        default="duckdb",
        description="What computes over everybody's history (segments, features): DuckDB on this machine, or Spark where "
        "that is too small (needs aimwell[spark] and Java 17).",
        json_schema_extra={"group": "engine"},
    )
    spark_master: str | None = Field(
        default=None,
        description="Master of the Spark cluster, as spark://host:7077. Default: Spark on this machine.",
        json_schema_extra={"group": "engine"},
    )
    engine_memory_mb: int | None = Field(
        default=None,
        ge=64,
        description="Memory that one query may use, in megabytes; above it the engine spills to disk. "
        "Default: 60 % of the machine.",
        json_schema_extra={"group": "engine"},
    )
    engine_threads: int | None = Field(
        default=None,
        ge=1,
        description="Threads that one query may use. Default: all.",
        json_schema_extra={"group": "engine"},
    )
    own_code_seconds: int = Field(
        default=300,
        ge=1,
        le=86_400,
        description="Seconds that an own feature may take, its SQL or its function, before it is stopped.",
        json_schema_extra={"group": "predict"},
    )
    own_functions: bool = Field(
        default=False,
        description="Whether own features may be Python functions of the workspace's folder `features`. They run with the "
        "rights of Aimwell's process, so allow it only where nobody else can write into that folder.",
        json_schema_extra={"group": "predict"},
    )
    lease_seconds: int = Field(
        default=30,
        ge=2,
        le=3600,
        description="Seconds after which the lease of a process that gave no sign of life is taken over.",
        json_schema_extra={"group": "jobs"},
    )
    email_people_max: int = Field(
        default=5,
        ge=1,
        le=100,
        description="People who may share an e-mail address; one that more share (noreply@, a kiosk) joins nobody. "
        "People are counted as different ids of one kind, as customer ids of one shop.",
        json_schema_extra={"group": "unify"},
    )
    phone_people_max: int = Field(
        default=5,
        ge=1,
        le=100,
        description="People who may share a telephone number.",
        json_schema_extra={"group": "unify"},
    )
    loyalty_card_people_max: int = Field(
        default=3,
        ge=1,
        le=100,
        description="People who may share a loyalty card.",
        json_schema_extra={"group": "unify"},
    )
    external_id_people_max: int = Field(
        default=3,
        ge=1,
        le=100,
        description="People who may share an id of another system.",
        json_schema_extra={"group": "unify"},
    )
    handle_people_max: int = Field(
        default=3,
        ge=1,
        le=100,
        description="People who may share a name on a social network.",
        json_schema_extra={"group": "unify"},
    )
    device_people_max: int = Field(
        default=20,
        ge=1,
        le=100,
        description="Different browsers or people seen on one device before it says nothing of any of them.",
        json_schema_extra={"group": "unify"},
    )
    anonymous_people_max: int = Field(
        default=20,
        ge=1,
        le=100,
        description="Different people who signed in under one anonymous id before it says nothing of any of them.",
        json_schema_extra={"group": "unify"},
    )
    alias_people_max: int = Field(
        default=5,
        ge=1,
        le=100,
        description="People whom one alias may name.",
        json_schema_extra={"group": "unify"},
    )
    customer_ids_max: int = Field(
        default=10,
        ge=1,
        le=1000,
        description="Customer ids of one namespace that one person may have; what would join more is set aside.",
        json_schema_extra={"group": "unify"},
    )
    match_merge_min: Share = Field(
        default=0.99,
        description="Probability from which two who are alike become one person without being asked about.",
        json_schema_extra={"group": "unify"},
    )
    match_review_min: Share = Field(
        default=0.5,
        description="Probability from which two who are alike wait for a person to look at them.",
        json_schema_extra={"group": "unify"},
    )
    match_schedule: str = Field(
        default="30 3 * * *",
        description="When workers (`aimwell run`) compare who is new with everybody, as five fields of cron in the "
        "workspace's zone, or 'off'. Nothing happens before `aimwell unify match` has learned a model.",
        json_schema_extra={"group": "unify"},
    )
    unify_schedule: str = Field(
        default="15 4 * * *",
        description="When workers (`aimwell run`) look at everybody again, as five fields of cron in the workspace's "
        "zone, or 'off'. Loads and messages bring only those up to date whom they touch.",
        json_schema_extra={"group": "unify"},
    )
    household_people_max: int = Field(
        default=6,
        ge=1,
        le=100,
        description="People at one address who are one household; where more live, those of one last name are, "
        "and above it again nobody is (a block of flats).",
        json_schema_extra={"group": "unify"},
    )
    trusted_sources: str | None = Field(
        default=None,
        description="Sources whose identifiers come first where two speak against each other, the most trusted "
        "first, with commas between. Default: all are trusted alike, and the older identifier comes first.",
        json_schema_extra={"group": "unify"},
    )
    segment_full_hours: int = Field(
        default=26,
        ge=1,
        description="So many hours after segments were computed for everybody, workers (`aimwell run`) do so again at the "
        "latest. The look at everybody that `unify_schedule` says leads to it too; in between only those are looked at "
        "whom something happened to.",
        json_schema_extra={"group": "segment"},
    )
    host: str = Field(
        default="127.0.0.1",
        description="Address on which the server listens.",
        json_schema_extra={"group": "server"},
    )
    port: int = Field(
        default=8400,
        ge=0,
        le=65535,
        description="Port on which the server listens; 0 takes a free one.",
        json_schema_extra={"group": "server"},
    )
    public_url: str | None = Field(
        default=None,
        pattern="^https?://[^/?#]+(/[^?#]*)?$",
        description="Address under which recipients reach the server (links in messages). "
        "Default: http://HOST:PORT.",
        json_schema_extra={"group": "server"},
    )
    scores_memory_mb: int = Field(
        default=1024,
        ge=1,
        le=1_048_576,
        description="Megabytes that the server may keep of people's scores: 40 bytes a person and model in use, 56 where the "
        "model gives intervals.",
        json_schema_extra={"group": "server"},
    )
    inbox_folder: str | None = Field(
        default=None,
        description="Folder where tracking messages wait, on a disk of this machine. Where several machines serve one "
        "workspace, each needs its own (AIMWELL_INBOX_FOLDER). Default: the workspace's folder inbox.",
        json_schema_extra={"group": "tracking"},
    )
    quarantine_days: int = Field(
        default=180,
        ge=0,
        le=36_500,
        description="Days for which the contents of a row in quarantine are kept after it came last; 0: for ever.",
        json_schema_extra={"group": "privacy"},
    )
    message_parts_days: int = Field(
        default=0,
        ge=0,
        le=36_500,
        description="Days for which personal parts of tracking messages (addresses, IP, texts) are kept after they came "
        "last; 0: for ever.",
        json_schema_extra={"group": "privacy"},
    )
    texts_days: int = Field(
        default=0,
        ge=0,
        le=36_500,
        description="Days for which the words of reviews and answers are kept; 0: for ever.",
        json_schema_extra={"group": "privacy"},
    )
    originals_days: int = Field(
        default=0,
        ge=0,
        le=36_500,
        description="Days for which the texts are kept that personal fields were made of; 0: as long as the person.",
        json_schema_extra={"group": "privacy"},
    )
    inbox_segment_seconds: float = Field(
        default=0.5,
        ge=0.05,
        le=3600,
        description="Seconds after which tracking messages that came are handed on to be flushed into the lake.",
        json_schema_extra={"group": "tracking"},
    )
    inbox_segment_mb: int = Field(
        default=64,
        ge=1,
        le=1024,
        description="Megabytes of tracking messages after which they are handed on earlier.",
        json_schema_extra={"group": "tracking"},
    )
    flush_seconds: float = Field(
        default=2.0,
        ge=0.05,
        le=3600,
        description="Seconds from one flush of tracking messages to the next; one that took longer is followed at once.",
        json_schema_extra={"group": "tracking"},
    )
    tracking_per_second: float | None = Field(
        default=None,
        ge=0.1,
        description="Tracking messages a second that one source may send on average; ten seconds' worth may come at "
        "once. More are answered with 429. Default: any number.",
        json_schema_extra={"group": "tracking"},
    )
    messages_per_job: int = Field(
        default=1000,
        ge=1,
        le=50_000,
        description="Messages that one sending job claims at a time.",
        json_schema_extra={"group": "deliver"},
    )

    @field_validator("match_schedule", "unify_schedule")
    @classmethod
    def _is_schedule(cls, text: str) -> str:
        if text == "off":
            return text
        from aimwell.cron import check_cron  # only where somebody has set one

        try:
            return check_cron(text)
        except JobError as error:
            raise ValueError(f"{error} Or 'off'") from None

    @field_validator("currency")
    @classmethod
    def _known_currency(cls, value: str) -> str:
        return known_currency(value)

    @field_validator("country")
    @classmethod
    def _known_country(cls, value: str | None) -> str | None:
        return None if value is None else known_country(value)

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in known_zones():
            raise ValueError(f"no IANA time zone has this name. {nearest_zone(value)}")
        return value

    @property
    def trusted_source_names(self) -> tuple[str, ...]:
        """`trusted_sources` as names."""
        names = (name.strip() for name in (self.trusted_sources or "").split(","))
        return tuple(dict.fromkeys(name for name in names if name))

    @property
    def base_url(self) -> str:
        """The address of the server as recipients see it, without a slash at the end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")


def _groups() -> dict[str, str]:
    """Setting name → its group in the file."""
    names: dict[str, str] = {}
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra
        names[name] = str(extra["group"]) if isinstance(extra, dict) else "workspace"
    return names


def _from_file(path: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path.name} is not valid TOML: {error}.") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path.name} is not UTF-8 text: {error}.") from error
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from error
    groups, values, faults = _groups(), {}, []
    for group, content in document.items():
        if not isinstance(content, dict):
            known = _list(groups.values())
            faults.append(f"'{group}' stands outside a group. Groups: {known}.")
            continue
        for name, value in content.items():
            if groups.get(name) != group:
                belongs = f"It belongs in [{groups[name]}]." if name in groups else ""
                faults.append(
                    f"[{group}] has no setting '{name}'. {belongs or nearest(name, list(groups))}"
                )
            values[name] = value
    if faults:
        raise SettingsError(_told(f"{path.name} is wrong:", faults))
    values = {name: value for name, value in values.items() if not _means_unset(name, value)}
    # Strictly: a number in quotes, or `true` for a number, is a slip in a file that has types.
    _validated(values, f"{path.name} is wrong:", strict=True)
    return values


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    known, values = _groups(), {}
    for key, text in environment.items():
        name = key.removeprefix(_PREFIX).lower()
        if not key.startswith(_PREFIX):
            continue
        if name in known:
            values[name] = text
        elif close := get_close_matches(name, list(known), n=1, cutoff=_SLIP):
            # Other names are not ours to judge: secrets of channels stand in the environment too.
            raise SettingsError(
                f"{key} in the environment is not a setting. Did you mean {_PREFIX}{close[0].upper()}?"
            )
    return values


def _means_unset(name: str, value: Any) -> bool:
    """Whether an empty text stands for "not set", as in the lines that `render_toml` comments out."""
    return value == "" and Settings.model_fields[name].default is None


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(set(names)))


def _told(title: str, faults: Sequence[str]) -> str:
    return "\n".join([title, *(f"  - {fault}" for fault in faults)])


def load_settings(
    path: Path | None = None, *, environment: Mapping[str, str] | None = None, **overrides: Any
) -> Settings:
    """Settings from the file at `path` (if any), the environment above it, `overrides` above both.

    Where the default is "none", an empty text means none. An override of None is no override.

    Raises:
        SettingsError: A setting is unknown or wrong; names all that are, what was found and what is allowed.
    """
    for name in overrides:
        if name not in Settings.model_fields:
            raise SettingsError(f"There is no setting '{name}'. {nearest(name, list(_groups()))}")
    values: dict[str, Any] = _from_file(path) if path is not None and path.exists() else {}
    values |= _from_environment(os.environ if environment is None else environment)
    values |= {name: value for name, value in overrides.items() if value is not None}
    unset = {name for name, value in values.items() if _means_unset(name, value)}
    only_given = path is None and set(values) <= overrides.keys()
    return _validated(
        {name: value for name, value in values.items() if name not in unset},
        "Settings are wrong:"
        if only_given
        else f"Settings are wrong ({FILE_NAME}, or {_PREFIX}… in the environment):",
        strict=False,
    )


def _validated(values: Mapping[str, Any], title: str, *, strict: bool) -> Settings:
    try:
        return Settings.model_validate(values, strict=strict)
    except ValidationError as error:
        faults = {str(fault["loc"][0]): fault for fault in error.errors()}
        told = [_fault(name, fault["input"], fault["msg"]) for name, fault in faults.items()]
        raise SettingsError(_told(title, told)) from None


_FORMS = {"^[A-Z]{3}$": "three capital letters, as GBP", "^[A-Z]{2}$": "two capital letters, as GB"}


def _fault(name: str, found: Any, message: str) -> str:
    said = message.removeprefix("Value error, ").rstrip(".")
    for pattern, words in _FORMS.items():
        said = said.replace(f"String should match pattern '{pattern}'", words)
    shown = "" if name in _SECRET else f" = {found!r:.100}"
    end = "" if said.endswith("?") else "."
    return f"{name}{shown}: {said}{end} It is: {Settings.model_fields[name].description}"


def render_toml(settings: Settings) -> str:
    """The text of an `aimwell.toml` that says every setting with its help; defaults are commented out."""
    lines = [
        "# Settings of this Aimwell workspace. AIMWELL_<NAME> in the environment overrides a line.",
        "",
    ]
    groups = _groups()
    for group in dict.fromkeys(groups.values()):
        lines.append(f"[{group}]")
        for name, field in Settings.model_fields.items():
            if groups[name] != group:
                continue
            value = getattr(settings, name)
            lines.append(f"# {field.description}")
            prefix = "# " if value == field.default else ""
            lines.append(f"{prefix}{name} = {_toml(value)}")
        lines.append("")
    return "\n".join(lines)


def _toml(value: str | int | float | None) -> str:
    # JSON's texts and numbers are TOML's too, once the one character that JSON leaves alone is escaped.
    return json.dumps("" if value is None else value, ensure_ascii=False).replace("\x7f", "\\u007f")

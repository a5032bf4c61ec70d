"""Settings of a workspace: environment over `aimwell.toml` over default, read once at the edge.

Each setting has a name that is unique over all groups, a type, a unit (last in the name), a default and a
help text. In the file a setting stands in its group (`[workspace]`, `[store]` …); in the environment it is
`AIMWELL_` and the name in capitals, as `AIMWELL_CONTROL_URL`.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from aimwell.errors import SettingsError, nearest

__all__ = ["FILE_NAME", "Settings", "load_settings", "render_toml"]

FILE_NAME = "aimwell.toml"

Share = Annotated[float, Field(ge=0, le=1)]


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
        description="SQLAlchemy URL of the control database, as "
        "postgresql+psycopg://user@host/aimwell. Default: the file control.sqlite3 in the workspace.",
        json_schema_extra={"group": "store"},
    )
    engine: Literal["duckdb"] = Field(
        default="duckdb",
        description="What computes over the lake.",
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
    lease_seconds: int = Field(
        default=30,
        ge=2,
        le=3600,
        description="Seconds after which the lease of a process that gave no sign of life is taken over.",
        json_schema_extra={"group": "jobs"},
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
    messages_per_job: int = Field(
        default=1000,
        ge=1,
        le=50_000,
        description="Messages that one sending job claims at a time.",
        json_schema_extra={"group": "deliver"},
    )

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(
                f"no IANA time zone has this name. {nearest(value, sorted(available_timezones()))}"
            )
        return value

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
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path.name} is not valid TOML: {error}.") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path.name} is not UTF-8 text: {error}.") from error
    groups, values = _groups(), {}
    for group, content in document.items():
        if not isinstance(content, dict):
            raise SettingsError(
                f"{path.name}: '{group}' stands outside a group. Groups: {_list(groups.values())}."
            )
        for name, value in content.items():
            if groups.get(name) != group:
                belongs = f" It belongs in [{groups[name]}]." if name in groups else ""
                hint = belongs or " " + nearest(name, list(groups))
                raise SettingsError(f"{path.name}: [{group}] has no setting '{name}'.{hint}")
            values[name] = value
    return values


def _list(names: Any) -> str:
    return ", ".join(sorted(set(names)))


def load_settings(
    path: Path | None = None, *, environment: Mapping[str, str] | None = None, **overrides: Any
) -> Settings:
    """Settings from the file at `path` (if any), the environment above it, `overrides` above both.

    Raises:
        SettingsError: A setting is unknown or wrong; names it, what was found and what is allowed.
    """
    values = _from_file(path) if path is not None and path.exists() else {}
    known = _groups()
    for key, text in (os.environ if environment is None else environment).items():
        name = key.removeprefix("AIMWELL_").lower()
        if key.startswith("AIMWELL_") and name in known:
            values[name] = text
    values.update({name: value for name, value in overrides.items() if value is not None})
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        lines = [
            f"{'.'.join(map(str, fault['loc']))} = {fault['input']!r}: {fault['msg']}"
            for fault in error.errors()
        ]
        raise SettingsError(
            "Settings are wrong (aimwell.toml or AIMWELL_… in the environment):\n  - "
            + "\n  - ".join(lines)
        ) from error


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


def _toml(value: Any) -> str:
    if value is None:
        return '""'
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)

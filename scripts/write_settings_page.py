"""Write docs/settings.md from the settings themselves: `scripts/write_settings_page.py`.

A test compares the page with `page()`, so that a setting without its line fails.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aimwell.settings import Settings

FILE = Path(__file__).resolve().parents[1] / "docs" / "settings.md"

_TOP = """\
# Settings

A workspace's settings stand in its file `aimwell.toml`, each in its group; `aimwell init` writes the file with every
setting and its help, defaults commented out. A variable of the environment comes before the file: `AIMWELL_` and the name
in capitals, as `AIMWELL_CONTROL_URL`. A name that is unknown, or a value that is not allowed, stops every command with
words that say what is.

```toml
[workspace]
currency = "GBP"
timezone = "Europe/London"
margin_default = 0.4
```

This page is written by `scripts/write_settings_page.py` from `src/aimwell/settings.py`.
"""

_BOTTOM = """\
More variables of the environment are no settings and stand in no file:

- `AIMWELL_WORKSPACE`: the workspace that commands work in. Default: this folder, or the nearest one above it.
- `AIMWELL_USER`: who is asking, for revisions and the audit log. Default: the system's user.
- `AIMWELL_SECRET_KEY`: the key (64 hex digits) that encrypts the secrets of channels. Default: the file `secret.key` in the
  workspace, made at first use and readable by its owner only.
- `AIMWELL_INBOX_KEY`: a key (64 hex digits) that encrypts tracking messages while they wait to be flushed. Every process that
  takes or flushes them needs it. Default: the secret `inbox` (`aimwell secret set inbox`), where there is one; else the
  messages wait as they came, in files that their owner only may read.
"""


def page() -> str:
    """The page as it should be."""
    rows: dict[str, list[str]] = {}
    for name, schema in Settings.model_json_schema()["properties"].items():
        line = f"| `{name}` | {_allowed(schema)} | {_default(schema)} | {schema['description']} |"
        rows.setdefault(schema["group"], []).append(line)
    parts = [_TOP]
    for group, lines in rows.items():
        parts.append(f"## `[{group}]`\n")
        parts.append(
            "\n".join(
                ["| setting | allowed | default | meaning |", "|---|---|---|---|", *lines, ""]
            )
        )
    return "\n".join([*parts, _BOTTOM])


def _allowed(schema: dict[str, Any]) -> str:
    forms = [form for form in schema.get("anyOf", [schema]) if form.get("type") != "null"]
    return " or ".join(_form(form) for form in forms)


def _form(form: dict[str, Any]) -> str:
    if "const" in form:
        return f"`{form['const']}`"
    if "enum" in form:
        return " or ".join(f"`{one}`" for one in form["enum"])
    if form["type"] == "boolean":
        return "`true` or `false`"
    if "pattern" in form:
        return f"text of the form `{form['pattern']}`"
    low, high = form.get("minimum"), form.get("maximum")
    kind = {"integer": "whole number", "number": "number", "string": "text"}[form["type"]]
    if low is not None and high is not None:
        return f"{kind}, {low} to {high}"
    return f"{kind}, from {low}" if low is not None else kind


def _default(schema: dict[str, Any]) -> str:
    given = schema.get("default")
    if isinstance(given, bool):
        return f"`{str(given).lower()}`"
    return "none" if given is None else f"`{given}`"


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")

"""Taking an export by its template, as a person does."""

from __future__ import annotations

from typing import Any

import pytest

from aimwell.cli import collect as collect_command
from collecting import Shop
from command import command_in
from vendor_exports import Take, documents


@pytest.fixture
def take(shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Take:
    """Write files and collect them by a template, as a person does; the report."""
    run = command_in(shop.stores.root, monkeypatch, capsys)
    # What is looked at is the lake; that people are brought up to date afterwards is tested elsewhere, and takes as long.
    monkeypatch.setattr(collect_command, "not_unified", lambda _stores: False)

    def call(template: str, files: dict[str, str], *, rates: str = "") -> dict[str, Any]:
        if rates:
            shop.write("date,from_currency,rate\n" + rates, "rates.csv")
            run("collect", "rates", shop.folder / "rates.csv")
        definition = shop.folder / "definition.yaml"
        definition.write_text(run("collect", "template", template).out)
        run("apply", definition)
        for file, text in files.items():
            shop.write(text, file)
        [source] = [one["name"] for one in documents(template) if one["kind"] == "source"]
        report = run("collect", "source", source, "--root", shop.folder, "--json").json
        assert not any(load["quarantined"] for load in report["loads"]), shop.quarantined()
        return dict(report)

    return call

"""The whole way of a user with a file of orders, and what the command says when the call is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from command import Run

CAMPAIGN = """\
kind: offer
name: ten-percent
benefit: {percent: 10}
---
kind: channel
name: email
sender: {address: shop@shop.example}
sink: {}
---
kind: template
name: hello
variants: [{subject: Hello, text: "Ten percent off. {{ unsubscribe_url }}"}]
---
kind: segment
name: buyers
rule: {event: Order Completed, count: {at_least: 1}}
---
kind: campaign
name: spring
audience: {segment: buyers}
actions: [{offer: ten-percent, channel: email, template: hello}]
holdout: 0.25
trial: true
"""

PLAIN = [
    "--map",
    "order_id=InvoiceNo",
    "--map",
    "customer_id=CustomerID",
    "--map",
    "ordered_at=InvoiceDate",
    "--map",
    "sku=StockCode",
    "--map",
    "quantity=Quantity",
    "--map",
    "unit_price=UnitPrice",
    "--trait",
    "country=Country",
]


def test_from_a_file_of_orders_to_a_report(run: Run, orders: Path, tmp_path: Path) -> None:
    run("init", "shop", "--currency", "GBP", "--timezone", "Europe/London", "--margin-default", 0.4)
    explained = run("collect", "orders", orders, "--explain", "-w", "shop")
    assert "nothing is written" in explained.out
    assert "--map order_id=InvoiceNo" in explained.out
    assert run("unify", "-w", "shop", "--json").json["profiles"] == 0

    taken = run("collect", "orders", orders, *PLAIN, "-w", "shop", "--json").json
    (load,) = taken["loads"]
    assert (load["rows_read"], load["rows_taken"], load["quarantined"]) == (181, 180, 1)
    assert taken["unify"]["profiles"] == 60
    again = run("collect", "orders", orders, *PLAIN, "-w", "shop", "--json").json
    assert again["already_collected"]
    waiting = run("collect", "quarantine", "-w", "shop", "--json").json
    assert waiting["total"] == 1
    assert waiting["rows"][0]["line"] == 182
    assert "many" in run("collect", "quarantine", "--reveal", "-w", "shop").out
    assert len(run("collect", "status", "-w", "shop", "--json").json["loads"]) == 1

    person = run("profile", "c1", "-w", "shop", "--json").json
    assert person["orders"] == 3
    assert person["traits"]["country"]["value"] == "GB"
    assert person["computed"]["orders"]["value"] == 3
    assert person["personal"]["customer_id"]["value"] != "c1"
    revealed = run("profile", "c1", "--reveal", "-w", "shop", "--json").json
    assert revealed["personal"]["customer_id"]["value"] == "c1"

    Path("campaign.yaml").write_text(CAMPAIGN, encoding="utf-8")
    assert "would be created" in run("apply", "campaign.yaml", "--dry-run", "-w", "shop").out
    run("apply", "campaign.yaml", "-w", "shop")
    assert "unchanged" in run("apply", "campaign.yaml", "-w", "shop").out
    shown = run("get", "campaign", "spring", "-w", "shop").out
    Path("again.yaml").write_text(shown, encoding="utf-8")
    assert "unchanged" in run("apply", "again.yaml", "-w", "shop").out
    assert "revision 1" in run("get", "campaign", "spring", "--history", "-w", "shop").out

    assert run("segment", "explain", "buyers", "-w", "shop", "--json").json["members"] == 60
    run("segment", "members", "buyers", "--to", "buyers.csv", "-w", "shop")
    assert len(Path("buyers.csv").read_text(encoding="utf-8").splitlines()) == 61
    assert run("segment", "refresh", "-w", "shop", "--json").json[0]["members"] == 60
    groups = run("segment", "rfm", "-w", "shop", "--json").json
    assert sum(group["people"] for group in groups) == 60

    plan = run("decide", "plan", "spring", "--as-of", "2026-05-01", "-w", "shop", "--json").json
    assert plan["trial"]
    assert "held out to compare" in run("decide", "explain", "latest:spring", "-w", "shop").out
    run("deliver", "run", "latest:spring", "-w", "shop", code=1)  # nobody has approved it
    run("decide", "approve", "latest:spring", "-w", "shop")
    sent = run("deliver", "run", "latest:spring", "-w", "shop", "--json").json
    assert sent["messages"] == {"sent": {"": plan["summary"]["treated"]}}
    assert len(list((tmp_path / "shop" / "outbox").rglob("*.eml"))) == plan["summary"]["treated"]
    assert run("deliver", "status", "latest:spring", "-w", "shop", "--json").json["state"] == "sent"
    assert [p["state"] for p in run("decide", "plans", "-w", "shop", "--json").json] == ["sent"]
    assert "2026-05-01 00:00 BST" in run("decide", "plans", "-w", "shop").out  # as it was asked for

    report = run("measure", "report", "latest:spring", "-w", "shop", "--json").json
    assert Path(report["html"]).read_text(encoding="utf-8").startswith("<!doctype html>")
    assert "Nobody was really contacted" in report["sentence"]
    assert "held out" in run("measure", "report", "latest:spring", "-w", "shop").out


@pytest.mark.usefixtures("shop")
def test_nobody_is_asked_whether_to_erase_somebody_unknown(run: Run) -> None:
    told = run("erase", "nobody@example.com", "-w", "shop", code=1)
    assert "Nobody is known by that" in told.err
    assert "Erase this person?" not in told.out + told.err


def test_a_wrong_option_of_init_is_not_looked_for_in_a_file(run: Run) -> None:
    told = run("init", "firm", "--timezone", "Berlin", code=2).err
    assert "aimwell.toml" not in told
    assert "Did you mean 'Europe/Berlin'? It is: IANA" in told


@pytest.mark.usefixtures("shop")
def test_a_preview_shows_what_a_person_would_get(run: Run, orders: Path) -> None:
    run("collect", "orders", orders, *PLAIN, "-w", "shop")
    assert "Nothing is defined yet" in run("get", "-w", "shop").out
    Path("campaign.yaml").write_text(CAMPAIGN, encoding="utf-8")
    run("apply", "campaign.yaml", "-w", "shop")
    shown = run("deliver", "preview", "spring", "--as", "c1", "--html", "look.html", "-w", "shop")
    assert "Ten percent off" in shown.out
    assert "The message is text alone, so nothing was written to look.html." in shown.out
    assert not Path("look.html").exists()
    assert (
        "went out"
        in run(
            "deliver", "test", "spring", "--to", "me@example.com", "--as", "c1", "-w", "shop"
        ).out
    )
    assert (
        "nobody"
        in run("deliver", "preview", "spring", "--as", "nobody", "-w", "shop", code=1).err.lower()
    )


@pytest.mark.usefixtures("shop")
def test_sending_can_be_switched_off_and_on(run: Run) -> None:
    run("deliver", "stop-all", "--reason", "wrong price", "-w", "shop")
    run("deliver", "start-all", "-w", "shop")


@pytest.mark.usefixtures("shop")
def test_secrets_come_from_stdin_and_stay_out_of_sight(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO("pa55word\n"))
    told = run("secret", "set", "smtp-password", "-w", "shop")
    assert "pa55word" not in told.out + told.err
    assert "no name of a secret" in run("secret", "set", "bad name", "-w", "shop", code=2).err


@pytest.mark.usefixtures("shop")
def test_a_definition_can_be_removed(run: Run) -> None:
    Path("a.yaml").write_text("kind: offer\nname: ten\n", encoding="utf-8")
    run("apply", "a.yaml", "-w", "shop")
    assert run("get", "offer", "-w", "shop", "--json").json == [{"kind": "offer", "name": "ten"}]
    run("remove", "offer", "ten", "-w", "shop")
    assert run("get", "-w", "shop", "--json").json == []


def test_schemas_and_tables_are_printed(run: Run) -> None:
    assert run("schema", "campaign").json["properties"]["holdout"]
    assert "order_lines" in run("tables", "--json").json
    assert "profile" not in run("tables", "products").err


WRONG: list[tuple[list[str], int, str]] = [
    (["decide", "plan", "x"], 1, "is not a workspace"),
    (["init", "a*b"], 1, "cannot lie in"),
    (["init", "shop", "--currency", "pounds"], 2, "currency"),
    (["init", "shop", "--timezone", "Europe/Lodnon"], 2, "Europe/London"),
    (["init", "shop", "--country", "UK"], 2, "The United Kingdom is GB"),
    (["predict", "propensity", "--horizon", "0"], 2, "--horizon"),
    (["predict", "lifetime-value", "--horizon", "0"], 2, "--horizon"),
    (["schema", "campain"], 2, "Did you mean 'campaign'"),
    (["nonsense"], 2, "No such command"),
    (["tables", "nonsense"], 2, "no table"),
]


@pytest.mark.parametrize(("arguments", "code", "words"), WRONG)
def test_a_wrong_call_says_what_was_wrong(
    run: Run, arguments: list[str], code: int, words: str
) -> None:
    assert words in run(*arguments, code=code).err


IN_A_WORKSPACE: list[tuple[list[str], int, str]] = [
    (["decide", "plan", "sprng"], 1, "There is no campaign 'sprng'"),
    (["decide", "explain", "latest:nothing"], 1, "There is no plan"),
    (["decide", "plan", "x", "--as-of", "yesterday"], 2, "Write 2011-09-01"),
    (["apply", "absent.yaml"], 1, "nothing to read"),
    (["collect", "orders", "absent.csv"], 1, "no file"),
    (["collect", "orders", "absent.csv", "--map", "order_id"], 2, "target=Column"),
    (["collect", "source", "absent"], 1, "There is no source"),
    (["segment", "explain", "absent"], 1, "There is no segment"),
    (["profile", "nobody"], 1, "Nobody is known"),
    (["get", "offer", "x", "-o", "xml"], 2, "yaml, json"),
    (["get", "offr"], 2, "Did you mean 'offer'"),
    (["get", "offer", "x"], 1, "There is no offer 'x'"),
    (["remove", "offr", "x"], 2, "no kind of definition"),
    (["collect", "orders", "orders.csv", "--map", "qty=Quantity"], 2, "unknown field"),
    (["jobs", "show", "7"], 1, "There is no job 7"),
    (["jobs", "retry", "7"], 1, "There is no job 7"),
    *[(["jobs", what, "9" * 23], 1, "There is no job 999") for what in ("show", "retry", "cancel")],
    (["predict", "card", "buy@99999999999999999999"], 1, "There is no model 'buy'"),
    (["jobs", "list", "--state", "asleep"], 2, "Allowed: queued"),
    (["jobs", "alerts", "acknowledge"], 2, "or --all"),
    (["jobs", "alerts", "acknowledge", "x"], 1, "No alert 'x' is open"),
    (["serve", "--host", "192.0.2.1", "--port", "9"], 1, "Name another port"),
]


@pytest.mark.parametrize(("arguments", "code", "words"), IN_A_WORKSPACE)
@pytest.mark.usefixtures("shop")
def test_a_wrong_call_in_a_workspace_says_what_to_do(
    run: Run, orders: Path, arguments: list[str], code: int, words: str
) -> None:
    told = run(*arguments, "-w", "shop", code=code)
    assert words in " ".join(told.err.split())
    assert "Traceback" not in told.err


@pytest.mark.usefixtures("shop")
def test_a_file_of_which_nothing_was_taken_gives_its_report_and_the_error(run: Run) -> None:
    Path("bad.csv").write_text("Id,Who,When,Sum\n1,c1,no day,2\n2,c2,no day,3\n", encoding="utf-8")
    given = ("order_id=Id", "customer_id=Who", "ordered_at=When", "line_total=Sum")
    maps = [word for one in given for word in ("--map", one)]
    told = run("collect", "orders", "bad.csv", *maps, "-w", "shop", "--json", code=1).json
    assert told["loads"][0]["rows_taken"] == 0
    assert told["error"]["kind"] == "NothingTakenError"
    assert "Not one of the rows" in told["error"]["message"]
    assert told["error"]["retryable"] is False


def test_with_json_the_parsers_own_words_stand_in_the_document(run: Run) -> None:
    for call, words in ((["get", "--nonsense"], "--nonsense"), (["jobs", "show", "x"], "job_id")):
        told = run(*call, "--json", code=2).json["error"]
        assert told["kind"] == "UsageError"
        assert words in told["message"]
        assert not told["retryable"]


@pytest.mark.parametrize("command", ["run", "serve"])
@pytest.mark.usefixtures("shop")
def test_commands_that_go_on_fail_with_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("AIMWELL_CONTROL_URL", "postgresql://u:geheim@127.0.0.1:1/x")
    [line] = run(command, "-w", "shop", "--json", code=1).out.splitlines()
    told = json.loads(line)
    assert (told["event"], told["error"]["kind"]) == ("failed", "ControlAwayError")
    assert told["error"]["retryable"]
    [line] = run(command, "--nonsense", "--json", code=2).out.splitlines()
    assert "--nonsense" in json.loads(line)["error"]["message"]


@pytest.mark.usefixtures("shop")
def test_the_workspace_is_found_from_within_it(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    inside = tmp_path / "shop" / "deep" / "inside"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    assert run("get", "--json").json == []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIMWELL_WORKSPACE", "shop")
    assert run("get", "--json").json == []


def test_the_installed_command_answers() -> None:
    ran = subprocess.run(
        [Path(sys.executable).with_name("aimwell"), "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.startswith("aimwell 0.1")
    help_ = subprocess.run(
        [Path(sys.executable).with_name("aimwell"), "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    for word in ("collect", "unify", "segment", "predict", "decide", "deliver", "measure", "demo"):
        assert word in help_.stdout

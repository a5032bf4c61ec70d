"""Groups and personas from the command line."""

from __future__ import annotations

import json
from pathlib import Path

from command import Run


def two_kinds(path: Path) -> Path:
    """120 customers: every second one buys much, often and lately; the others bought one thing, long ago."""
    lines = ["order_id,customer_id,ordered_at,sku,quantity,unit_price"]
    for person in range(120):
        if person % 2:
            for order in range(8):
                for line in range(5):
                    sku = (person * 7 + order * 5 + line) % 40
                    lines.append(
                        f"{person}-{order},c{person},2026-{order + 1:02}-1{person % 9},P{sku},{1 + person % 4},9"
                    )
        else:
            lines.append(f"{person}-0,c{person},2026-01-{1 + person % 28:02},P1,1,{3 + person % 5}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_groups_are_found_kept_published_and_shown_as_personas(run: Run, tmp_path: Path) -> None:
    run("init", "shop", "--currency", "GBP")
    run("collect", "orders", two_kinds(tmp_path / "orders.csv"), "-w", "shop")
    at = ("--as-of", "2026-09-01", "-w", "shop")
    found = json.loads(
        run("segment", "clusters", "--name", "habits", "--publish", "--json", *at).out
    )
    assert found["version"] == 1
    assert found["published"] == 120
    assert sum(group["size"] for group in found["groups"]) == 120
    assert len(found["groups"]) >= 2

    shown = run("segment", "personas", "clusters:habits", *at).out
    for group in found["groups"]:
        assert group["group"] in shown
        assert group["sentence"] in shown

    biggest = found["groups"][0]
    (tmp_path / "s.yaml").write_text(
        f'kind: segment\nname: them\nrule: {{trait: "cluster:habits", is: "{biggest["group"]}"}}\n'
    )
    run("apply", "s.yaml", "-w", "shop")
    for moment, size in (("2026-09-01", biggest["size"]), ("2026-08-31", 0)):
        members = json.loads(
            run("segment", "members", "them", "--json", "--as-of", moment, "-w", "shop").out
        )
        assert len(members["members"]) == size


def test_groups_are_judged_crossed_and_compared(run: Run, tmp_path: Path) -> None:
    run("init", "shop", "--currency", "GBP")
    run("collect", "orders", two_kinds(tmp_path / "orders.csv"), "-w", "shop")
    at = ("--as-of", "2026-08-20", "-w", "shop")
    run("segment", "personas", "lifecycle", "--html", "personas.html", *at)
    assert "The stages of the life cycle" in (tmp_path / "personas.html").read_text()
    for command in (("personas", "lifecycle"), ("lifecycle",)):
        nowhere = run("segment", *command, "--html", "none/page.html", *at, code=2)
        assert "none/page.html cannot be written" in " ".join(nowhere.err.split())
        assert "Traceback" not in nowhere.err

    judged = json.loads(run("segment", "validity", "--html", "validity.html", "--json", *at).out)
    assert judged["sentence"].startswith("These groups tell what comes")
    assert "What came after" in (tmp_path / "validity.html").read_text()
    assert sum(move["people"] for move in judged["moves"]["counts"]) == 120

    parted = run("segment", "micro", "--define", "m", "--fewest", "25", "--html", "m.html", *at).out
    assert "2 groups differ in revenue" in parted
    assert "segment m-1: created" in parted
    assert "Group 1" in (tmp_path / "m.html").read_text()
    found = json.loads(run("segment", "overlap", "m-1", "m-2", "--json", *at).out)
    assert found["both"] == [[60, 0], [0, 60]]

    (tmp_path / "survey.yaml").write_text(
        "kind: survey\nname: voice\nquestions: {recommend: {type: nps}}\n"
    )
    run("apply", "survey.yaml", "-w", "shop")
    silent = run("segment", "advocacy", "voice", "--define", "--publish", *at).out
    assert "Net promoter score: nobody answered." in silent
    assert "Likely promoters cannot be told among the 120 who did not answer: only 0" in silent
    assert "segment voice-likely-promoters: created" in silent
    told = run("segment", "advocacy", "voice", "recomend", *at, code=1).err
    assert "recommend" in told


def test_without_buyers_personas_say_what_to_do(run: Run) -> None:
    run("init", "shop")
    told = run("segment", "personas", "-w", "shop", code=1).err
    assert "Collect orders first" in told
    assert run("collect", "quarantine", "-w", "shop").out == "Nothing is in quarantine.\n"
    assert (
        "There is no model of groups 'habits'."
        in run("segment", "personas", "clusters:habits", "-w", "shop", code=1).err
    )


def test_names_that_were_never_collected_are_told_where_they_matter(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "s.yaml").write_text(
        "kind: segment\nname: typo\nrule: {all: [{event: Ordr Completed}, {not: {trait: contry, is: UK}}]}\n"
    )
    run("init", "shop")
    assert "Warning" not in run("apply", "s.yaml", "-w", "shop").err
    run("collect", "orders", two_kinds(tmp_path / "orders.csv"), "-w", "shop")
    event = "No event 'Ordr Completed' was ever collected. Did you mean 'Order Completed'?"
    trait = "No trait 'contry' was ever collected."
    applied = run("apply", "s.yaml", "-w", "shop").err
    assert f"Warning: segment typo: {event}" in applied
    assert f"Warning: segment typo: {trait}" in applied
    for command in ("explain", "members"):
        told = run("segment", command, "typo", "-w", "shop").err
        assert f"Warning: {event}" in told
        assert f"Warning: {trait}" in told


def test_groups_by_orders_of_long_ago_are_warned_of(run: Run, tmp_path: Path) -> None:
    run("init", "shop")
    run("collect", "orders", two_kinds(tmp_path / "orders.csv"), "-w", "shop")
    told = (
        "Warning: The newest order is of 2026-08-18, 4 years before the moment that is looked from."
    )
    for command in ("rfm", "personas", "clusters"):
        assert told in run("segment", command, "--as-of", "2030-10-01", "-w", "shop").err
    assert "newest order" not in run("segment", "rfm", "--as-of", "2026-08-20", "-w", "shop").err


def test_members_are_written_with_the_personal_fields_that_were_asked_for(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "orders.csv").write_text(
        "order_id,customer_id,email,ordered_at,unit_price,quantity\n"
        "1,c1,ann@example.com,2026-01-05,9,1\n2,c2,,2026-01-06,9,1\n"
    )
    (tmp_path / "s.yaml").write_text(
        "kind: segment\nname: buyers\nrule: {event: Order Completed}\n"
    )
    run("init", "shop", "--currency", "GBP")
    run("collect", "orders", "orders.csv", "-w", "shop")
    run("apply", "s.yaml", "-w", "shop")
    members = ("segment", "members", "buyers", "-w", "shop")
    told = run(*members, "--to", "them.csv", "--with", "customer_id,email")
    assert told.out == "2 people of 'buyers' are in them.csv.\n"
    assert "consent and suppressions are asked by plans alone" in told.err
    header, *lines = (tmp_path / "them.csv").read_text().splitlines()
    assert header == '"profile_id","customer_id","email"'
    assert sorted(line.split(",", 1)[1] for line in lines) == ['"c1","ann@example.com"', '"c2",']

    told = run(*members, "--with", "email", code=2)
    assert "--to FILE" in told.err
    told = run(*members, "--to", "x.csv", "--with", "emial", code=2)
    assert "'emial' is no personal field" in told.err
    assert "ann@example.com" not in run(*members, "--json").out


def test_groups_of_nobody_are_said_in_words(run: Run) -> None:
    run("init", "shop")
    assert "Nobody had bought anything" in run("segment", "rfm", "-w", "shop").out
    assert run("segment", "rfm", "--json", "-w", "shop").json == []


def test_rules_are_written_as_text_and_as_yaml_and_take_parameters(
    run: Run, tmp_path: Path
) -> None:
    text = "orders.count(within: ${days}d) >= 1 and country in [GB, IE]"
    (tmp_path / "lately.yaml").write_text(
        f'kind: segment\nname: lately\nparameters: {{days: 30}}\nrule: "{text}"\n', encoding="utf-8"
    )
    run("init", "shop")
    run("apply", "lately.yaml", "-w", "shop")
    assert run("segment", "text", "lately", "-w", "shop").out.strip() == text
    assert run("segment", "text", "lately.yaml", "-w", "shop").out.strip() == text
    shown = run("get", "segment", "lately", "-w", "shop").out
    assert "within: ${days}d" in shown
    assert "days: 30" in shown
    (tmp_path / "again.yaml").write_text(run("segment", "yaml", text).out, encoding="utf-8")
    assert "event: Order Completed" in (tmp_path / "again.yaml").read_text(encoding="utf-8")
    words = run("segment", "explain", "lately", "--set", "days=60", "-w", "shop").out
    assert "in the last 60 days" in words
    told = run("segment", "explain", "lately", "--set", "dys=60", "-w", "shop", code=1).err
    assert "Did you mean 'days'?" in told
    assert (
        "NAME=VALUE"
        in run("segment", "members", "lately", "--set", "days", "-w", "shop", code=2).err
    )
    told = run("segment", "yaml", "orders.cuont() > 1", code=1).err
    assert "line 1, column 8" in told


def test_a_ready_made_audience_becomes_a_segment_of_this_shop(run: Run, tmp_path: Path) -> None:
    run("init", "shop", "--currency", "GBP")
    run("collect", "orders", two_kinds(tmp_path / "orders.csv"), "-w", "shop")
    at = ("--as-of", "2026-09-01", "-w", "shop")
    assert "win-back" in run("segment", "audiences").out
    told = run("segment", "add", "--all", "--dry-run", *at)
    assert "no event 'Product Added' was ever collected: cart-abandoners, high-value" in told.err
    assert "frequent-buyers: 60 of 120 people (would be created)" in told.out
    assert json.loads(run("get", "segment", "--json", "-w", "shop").out) == []
    (added,) = json.loads(
        run("segment", "add", "at-risk", "--as", "late", "--set", "orders=3", "--json", *at).out
    )["added"]
    assert added["segment"] == "late"
    assert set(added["learned"]) == {"active_days", "lapsed_days"}
    listed = json.loads(run("segment", "members", "late", "--json", *at).out)["members"]
    assert len(listed) == added["explanation"]["members"]
    run("segment", "add", "at-risk", "vip-gold", "--set", "orders=3", *at, code=2)
    stages = json.loads(run("segment", "lifecycle", "--months", "2", "--json", *at).out)
    head, month = run("segment", "lifecycle", "--months", "2", *at).out.splitlines()[3:5]
    assert head.split()[:4] == ["as", "of", "prospect", "new"]
    assert month.startswith(
        "2026-"
    )  # a row a month: columns of many months are too narrow for numbers
    assert sum(one["people"] for one in stages["stages"] if one["at"][:10] == "2026-08-01") == 120


def test_models_are_learnt_shown_published_and_written(run: Run, tmp_path: Path) -> None:
    lines = ["customer_id,age,plan,vip"]
    for person in range(150):
        old = person % 3 == 0
        age = (60 if old else 30) + person % 7
        lines.append(f"c{person},{age},{'pro' if old else 'free'},{'yes' if old else 'no'}")
    (tmp_path / "people.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "new.csv").write_text("id,age,plan\nyoung,31,free\nold,63,pro\n", encoding="utf-8")
    run("init", "shop")
    traits = [word for name in ("age", "plan", "vip") for word in ("--trait", f"{name}={name}")]
    mapped = ("--map", "customer_id=customer_id", *traits)
    run("collect", "customers", tmp_path / "people.csv", *mapped, "-w", "shop")
    (tmp_path / "vip.yaml").write_text(
        "kind: segment\nname: vip\nrule: {trait: vip, is: 'yes'}\n---\n"
        "kind: model\nname: kinds\ntype: clusters\namong: everybody\ngroups: 2\n"
        "columns: ['trait:age', 'trait:plan']\nmethod: prototypes\n"
    )
    run("apply", tmp_path / "vip.yaml", "-w", "shop")
    by = ("--by", "trait:age", "--by", "trait:plan")

    shown = run("segment", "model", "kinds", "--html", tmp_path / "kinds.html", "-w", "shop").out
    assert "2 groups" in shown
    for command in ("personas", "validity"):
        told = run("segment", command, "trait:plam", "-w", "shop", code=1).err
        assert "Nobody has the trait 'plam' by then. Did you mean 'plan'?" in told
    for command in ("micro", "validity"):
        assert "3650" in run("segment", command, "--horizon", "99999999", "-w", "shop", code=2).err
    assert "plan == free" in shown
    assert "<svg" in (tmp_path / "kinds.html").read_text(encoding="utf-8")

    alike = ("segment", "look-alikes", "vip", *by)
    files = ("--prospects", tmp_path / "new.csv", "--to", tmp_path / "ranked.csv")
    assert "can be told from others" in run(*alike, *files, "--publish", "-w", "shop").out
    ranked = (tmp_path / "ranked.csv").read_text(encoding="utf-8").splitlines()
    assert ranked[1].startswith('"old"')
    wrong = run(*alike, "--prospects", tmp_path / "new.csv", "-w", "shop", code=2).err
    assert "--to FILE" in wrong
    (tmp_path / "bare.csv").write_text("id,age\nx,31\n", encoding="utf-8")
    files = ("--prospects", tmp_path / "bare.csv", "--to", tmp_path / "ranked.csv")
    assert "lacks the columns plan" in run(*alike, *files, "-w", "shop", code=1).err

    (tmp_path / "like.yaml").write_text(
        "kind: model\nname: like\ntype: look_alikes\naudience: vip\ncolumns: ['trait:age', 'trait:plan']\n"
    )
    run("apply", tmp_path / "like.yaml", "-w", "shop")
    files = ("--prospects", tmp_path / "new.csv", "--to", tmp_path / "defined.csv")
    run("segment", "model", "like", *files, "-w", "shop")
    assert (tmp_path / "defined.csv").read_text(encoding="utf-8").splitlines() == ranked
    (tmp_path / "defined.csv").unlink()
    run("segment", "model", "like", "--kept", *files, "-w", "shop")
    assert (tmp_path / "defined.csv").read_text(encoding="utf-8").splitlines() == ranked
    assert "type clusters" in run("segment", "model", "kinds", *files, "-w", "shop", code=1).err
    assert "--to FILE" in run("segment", "model", "like", *files[:2], "-w", "shop", code=2).err

    card = json.loads(run("segment", "score-card", "vip", *by, "--json", "-w", "shop").out)
    assert card["judged"]["auc"] > 0.99
    assert {row["attribute"] for row in card["card"]} <= {"trait:age", "trait:plan"}
    assert "no survey" in run("segment", "classes", "nps", "-w", "shop", code=1).err.lower()


def test_how_segments_stand_and_what_became_of_them_is_shown(run: Run, tmp_path: Path) -> None:
    run("init", "shop")
    orders = (
        "order_id,customer_id,ordered_at,sku,quantity,unit_price\n"
        "1,ann,2026-01-05,a,1,20\n2,bob,2026-01-06,a,1,30\n"
    )
    (tmp_path / "orders.csv").write_text(orders)
    run("collect", "orders", "orders.csv", "-w", "shop")
    buyers = "kind: segment\nname: buyers\nrule: {event: Order Completed}\n"
    (tmp_path / "s.yaml").write_text(buyers)
    assert "No segment is defined" in run("segment", "list", "-w", "shop").out
    run("apply", "s.yaml", "-w", "shop")
    told = run("segment", "list", "-w", "shop")
    assert "never" in told.out
    assert "aimwell segment refresh --touched" in told.err
    assert "Everybody was looked at." in run("segment", "refresh", "--touched", "-w", "shop").out
    (line,) = json.loads(run("segment", "list", "--json", "-w", "shop").out)
    assert (line["segment"], line["state"], line["members"]) == ("buyers", "fine", 2)
    (line,) = json.loads(
        run("segment", "list", "--as-of", "2026-01-01", "--json", "-w", "shop").out
    )
    assert line["members"] == 0
    (tmp_path / "more.csv").write_text(orders + "3,cyd,2026-01-07,a,1,5\n")
    run("collect", "orders", "more.csv", "-w", "shop")
    counts = json.loads(run("segment", "refresh", "--touched", "--json", "-w", "shop").out)
    assert [(one["members"], one["entered"]) for one in counts] == [(3, 1)]
    days = json.loads(run("segment", "history", "buyers", "--json", "-w", "shop").out)["days"]
    assert [(day["entered"], day["left"], day["members"]) for day in days] == [(3, 0, 3)]
    run("segment", "history", "buyers", "--who", "--to", "who.csv", "-w", "shop")
    assert len((tmp_path / "who.csv").read_text().splitlines()) == 4
    assert "add --who" in run("segment", "history", "buyers", "--to", "x", "-w", "shop", code=2).err
    (tmp_path / "s.yaml").write_text("kind: segment\nname: nobody\nrule: {event: Never Done}\n")
    run("apply", "s.yaml", "-w", "shop")
    history = ("segment", "history", "nobody", "-w", "shop")
    assert "was never refreshed" in run(*history).out
    run("segment", "refresh", "-w", "shop")
    assert "Nobody was ever in 'nobody'" in run(*history).out
    assert "fine" in json.dumps(json.loads(run("doctor", "--json", "-w", "shop").out)["findings"])


def test_religion_is_asked_of_nobody_who_did_not_consent_and_an_area_of_everybody(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "people.csv").write_text(
        "id,religion,code\n" + "".join(f"c{n},x,LS{n} 4AB\n" for n in range(4)), encoding="utf-8"
    )
    (tmp_path / "yes.csv").write_text(
        "id,purpose,channel,state,at\nc0,faith-offers,email,granted,2026-01-05\n"
        "c1,faith-offers,email,denied,2026-01-05\n",
        encoding="utf-8",
    )
    area = r"""upper(regexp_extract(trim(code), '^[A-Za-z]{1,2}'))"""
    documents = {
        "crm": f"""\
kind: source
name: crm
files: {{people: people.csv, consents: "yes.csv"}}
entities:
  - entity: customers
    from: people
    map: {{customer_id: id, postcode: code}}
    traits: {{religion: religion, postcode_area: {{expression: "{area}"}}}}
  - entity: consents
    from: consents
    map: {{customer_id: id, purpose: purpose, channel: channel, state: state, occurred_at: at}}
""",
        "rules": """\
kind: segment
name: near
rule: "postcode_area in [LS, BD]"
---
kind: segment
name: faithful
rule: "religion == x"
---
kind: segment
name: others
rule: "not segment(faithful)"
""",
        "privacy": """\
kind: privacy_rules
name: default
special: [{trait: religion, category: religion, purpose: faith-offers}]
""",
    }
    for name, text in documents.items():
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    run("init", "shop")
    run("apply", "crm.yaml", "-w", "shop")
    run("collect", "source", "crm", "-w", "shop")
    refused = run("apply", "rules.yaml", "-w", "shop", code=1).err
    assert "religion" in refused
    assert "privacy_rules" in refused
    run("apply", "privacy.yaml", "-w", "shop")
    run("apply", "rules.yaml", "-w", "shop")
    refreshed = run("segment", "refresh", "--json", "-w", "shop").json
    assert {one["segment"]: one["members"] for one in refreshed} == {
        "faithful": 1,
        "near": 4,
        "others": 0,
    }
    explained = run("segment", "explain", "others", "-w", "shop").out
    assert "faith-offers" in explained
    for words in (
        ("personas", "trait:religion"),
        ("validity", "trait:religion"),
        ("clusters", "--by", "trait:religion", "--among", "everybody"),
    ):
        assert "religion" in run("segment", *words, "-w", "shop", code=1).err
    assert "religion" not in run("segment", "personas", "segments:near", "-w", "shop").out

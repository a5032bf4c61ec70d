"""Touches, past experiments, answers, reviews, usage, advertising cost, consents and suppressions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aimwell.collect.explaining import explain
from aimwell.collect.suggesting import suggest_mapping
from aimwell.definitions.catalogue import check
from aimwell.definitions.service import apply
from aimwell.errors import DefinitionError, MappingError, UnknownDefinitionError
from aimwell.history.current import bring_up_to_date
from aimwell.privacy.suppression import address_hash
from aimwell.privacy.vault import read_texts
from aimwell.unify.lookup import find_profile
from aimwell.unify.recency import profile_recency
from collecting import NOW, Shop, source_of

LATER = NOW + timedelta(days=30)


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def entity(name: str, *, mapped: dict[str, Any], **more: Any) -> Any:
    return source_of({"entity": name, "map": mapped, **more})


# --- campaigns and experiments ----------------------------------------------------------------------------


def test_one_row_a_touch_and_one_row_a_message_give_the_same_touches(shop: Shop) -> None:
    long = entity(
        "touches",
        mapped={
            "email": "who",
            "event": "what",
            "occurred_at": "day",
            "campaign": "mail",
            "channel": {"constant": "email"},
            "touch_id": "id",
            "cost": "cost",
        },
    )
    shop.collect(
        "id,who,what,day,mail,cost\n"
        "1,ann@x.example,Email Sent,2026-01-01,spring,0.01\n"
        "2,ann@x.example,Email Opened,2026-01-02,spring,\n"
        "2,ann@x.example,Email Opened,2026-01-02,spring,\n"
        "3,,Email Opened,2026-01-02,spring,\n",
        long,
    )
    wide = source_of(
        {
            "entity": "touches",
            "map": {
                "email": "who",
                "campaign": "mail",
                "touch_id": "id",
                "cost": "cost",
                "channel": {"constant": "email"},
            },
            "times": {
                "Email Sent": "sent",
                "Email Opened": "opened",
                "Email Link Clicked": "click",
            },
        },
        name="wide",
    )
    load = shop.collect(
        "id,who,mail,sent,opened,click,cost\n1,ann@x.example,spring,2026-01-01,2026-01-02,,0.01\n",
        wide,
    )
    assert load.statements == 2
    columns = ("source", "event", "occurred_at", "campaign", "channel", "cost", "machine")
    found = shop.rows("touches", *columns)
    told = {source: [row[1:] for row in found if row[0] == source] for source in ("shop", "wide")}
    assert told["shop"] == told["wide"]
    again = shop.collect(
        "id,who,mail,sent,opened,click,cost\n"
        "1,ann@x.example,spring,2026-01-01,2026-01-02,,0.01\n"
        "2,ann@x.example,spring,2026-01-05,,,0.01\n",
        wide,
        LATER,
    )
    assert (again.known, again.rows_taken, again.statements) == (1, 1, 1)


EXPERIMENT = entity(
    "assignments",
    mapped={"customer_id": "who", "arm": "group", "assigned_at": "day"},
    experiment="winter",
    control=["nothing"],
    probabilities={"nothing": 0.5, "mail": 0.5},
)


def test_a_past_experiment_keeps_arms_with_their_probabilities(shop: Shop) -> None:
    load = shop.collect(
        "who,group,day\nann,mail,2026-01-01\nbob,nothing,2026-01-01\ncy,letter,2026-01-01\n"
        "ann,mail,2026-01-01\n",
        EXPERIMENT,
    )
    assert (load.rows_taken, load.duplicates, load.quarantined) == (2, 1, 1)
    columns = ("origin_id", "experiment", "arm", "action", "probability", "assigned_at")
    assert shop.rows("assignments", *columns) == sorted(
        [
            (shop.origin("ann"), "winter", "mail", "mail", 0.5, day("2026-01-01")),
            (shop.origin("bob"), "winter", "control", None, 0.5, day("2026-01-01")),
        ],
        key=str,
    )
    assert shop.quarantined() == [(4, "arm", "unknown_arm")]
    again = shop.collect("who,group,day\nbob,nothing,2026-01-01\n", EXPERIMENT, LATER)
    assert (again.known, again.rows_taken) == (1, 0)


def test_an_experiment_without_probabilities_is_refused() -> None:
    with pytest.raises(DefinitionError, match=r"probabilities: \{arm"):
        entity(
            "assignments",
            mapped={"customer_id": "who", "arm": "group", "assigned_at": "day"},
            experiment="winter",
        )


def test_outcomes_are_kept_zeros_too(shop: Shop) -> None:
    outcomes = entity(
        "outcomes",
        mapped={"customer_id": "who", "observed_at": "day", "window_days": {"constant": 14}},
        experiment="winter",
        measured={"visit": "visit", "spend": "spend"},
    )
    shop.collect(
        "who,day,visit,spend\nann,2026-01-15,yes,12.5\nbob,2026-01-15,no,0\ncy,2026-01-15,perhaps,0\n",
        outcomes,
    )
    assert shop.rows("outcomes", "name", "value", "window_days", "observed_at") == [
        ("spend", 0.0, 14, day("2026-01-15")),
        ("spend", 12.5, 14, day("2026-01-15")),
        ("visit", 0.0, 14, day("2026-01-15")),
        ("visit", 1.0, 14, day("2026-01-15")),
    ]
    assert shop.quarantined() == [(4, "measured.visit", "not_a_number")]


# --- surveys ----------------------------------------------------------------------------------------------

SURVEY: dict[str, Any] = {
    "kind": "survey",
    "name": "after-sale",
    "questions": {
        "recommend": {"type": "nps", "wording": "Would you recommend us?"},
        "service": {"type": "scale", "not_applicable": ["0"]},
        "overall": {"type": "csat", "numbers": {"Happy": 5, "Unhappy": 1}},
        "found us": {"type": "choice", "allowed": ["friend", "search"]},
        "likes": {"type": "multiple", "allowed": ["price", "range", "people"]},
        "comment": {"type": "text"},
    },
}
FORM = {
    "entity": "answers",
    "survey": "after-sale",
    "map": {"customer_id": "who", "response_id": "id", "answered_at": "day"},
    "answers": {
        **{name: name for name in ("recommend", "service", "overall", "likes", "comment")},
        "found us": "how",
    },
}
FORM_HEAD = "id,who,day,recommend,service,overall,how,likes,comment\n"


def surveyed(shop: Shop) -> Shop:
    apply(shop.stores.control, [check(SURVEY)], now=NOW, by="test")
    return shop


def test_answers_are_read_by_what_the_survey_says(shop: Shop) -> None:
    surveyed(shop)
    load = shop.collect(
        FORM_HEAD + '1,ann,2026-01-01,9,0,Happy,friend,price; people,"Dear Ann, thanks"\n',
        source_of(FORM),
    )
    columns = ("question", "value", "number", "applicable", "response_id")
    found = shop.rows("answers", *columns)
    assert found == [
        ("comment", None, None, True, "1"),
        ("found us", "friend", None, True, "1"),
        ("likes", "people", None, True, "1"),
        ("likes", "price", None, True, "1"),
        ("overall", "Happy", 5.0, True, "1"),
        ("recommend", "9", 9.0, True, "1"),
        ("service", None, None, False, "1"),
    ]
    assert load.statements == 7
    ids = [row[0] for row in shop.rows("answers", "text_id") if row[0]]
    with shop.stores.control.read() as connection:
        assert list(read_texts(connection, ids).values()) == ["Dear Ann, thanks"]
    assert all("Dear" not in str(row) for row in shop.rows("answers"))


def test_an_answer_may_be_a_value_that_the_person_holds_too(shop: Shop) -> None:
    surveyed(shop)
    source = source_of(
        {
            "entity": "answers",
            "survey": "after-sale",
            "map": {"customer_id": "who", "answered_at": "day"},
            "answers": {"likes": "likes"},
        },
        {
            "entity": "customers",
            "map": {"customer_id": "who", "set_at": "day"},
            "traits": {"cares_about": "likes"},
        },
        trait_data={"cares_about": "psychographic"},
    )
    apply(shop.stores.control, [source], now=NOW, by="test")
    shop.report(FORM_HEAD + "1,ann,2025-12-01,,,,,price,\n", source)
    bring_up_to_date(shop.stores, now=NOW)
    who = find_profile(shop.stores, "ann")
    fresh = profile_recency(shop.stores, [who], now=NOW)[who]
    assert fresh["psychographic"] == fresh["feedback"]
    assert "demographic" not in fresh


def test_answers_that_the_survey_does_not_allow_wait_with_the_reason(shop: Shop) -> None:
    surveyed(shop)
    bad = {
        "recommend": "2,ann,2026-01-01,11,,,,,",
        "overall": "3,ann,2026-01-01,,,Merry,,,",
        "found us": "4,ann,2026-01-01,,,,tv,,",
        "likes": "5,ann,2026-01-01,,,,,price;colour,",
        "service": "6,ann,2026-01-01,,7,,,,",
    }
    shop.collect(
        FORM_HEAD + "\n".join([*bad.values(), "7,bob,2026-01-01,7.0,5,,,,"]), source_of(FORM)
    )
    fields = [(field, reason) for _, field, reason in shop.quarantined()]
    assert sorted(fields) == sorted((f"answers.{name}", "not_allowed") for name in bad)
    assert {row[0] for row in shop.rows("answers", "response_id")} == {"7"}


def test_one_row_an_answer_is_the_same_as_one_row_a_form(shop: Shop) -> None:
    surveyed(shop)
    shop.collect(FORM_HEAD + "1,ann,2026-01-01,9,0,,,price;range,\n", source_of(FORM))
    long = source_of(
        {
            "entity": "answers",
            "survey": "after-sale",
            "map": {**FORM["map"], "question": "q", "answer": "a"},  # type: ignore[dict-item]
        },
        name="long",
    )
    shop.collect(
        "id,who,day,q,a\n1,ann,2026-01-01,recommend,9\n1,ann,2026-01-01,service,0\n"
        "1,ann,2026-01-01,likes,price;range\n1,ann,2026-01-01,colour,red\n1,ann,2026-01-01,recommend,ten\n",
        long,
    )
    found = shop.rows("answers", "source", "question", "value", "number", "applicable")
    told = [[row[1:] for row in found if row[0] == name] for name in ("shop", "long")]
    assert told[0] == told[1]
    reasons = sorted(reason for _, _, reason in shop.quarantined())
    assert reasons == ["not_allowed", "unknown_question"]


def test_answers_are_added_once_and_read_anew_when_the_survey_changed(shop: Shop) -> None:
    surveyed(shop)
    text = FORM_HEAD + "1,ann,2026-01-01,9,,,,,\n2,bob,2026-01-01,,6,,,,\n"
    first = shop.collect(text, source_of(FORM))
    assert (first.statements, first.quarantined) == (1, 1)
    assert shop.report(source=source_of(FORM)).already_collected
    questions = SURVEY["questions"]
    wider = {**SURVEY, "questions": {**questions, "service": {"type": "scale", "highest": 7}}}
    apply(shop.stores.control, [check(wider)], now=LATER, by="test")
    second = shop.collect(source=source_of(FORM), now=LATER)
    assert (second.statements, second.known, second.quarantined) == (1, 1, 0)


def test_a_survey_that_nobody_wrote_is_refused(shop: Shop) -> None:
    with pytest.raises(UnknownDefinitionError, match="after-sale"):
        shop.collect(FORM_HEAD, source_of(FORM))
    with pytest.raises(DefinitionError, match="after-sale"):
        apply(shop.stores.control, [source_of(FORM)], now=NOW, by="test")
    surveyed(shop)
    strange = {**FORM, "answers": {"recomend": "recommend"}}
    with pytest.raises(MappingError, match=r"no question recomend\. Did you mean 'recommend'"):
        shop.collect(FORM_HEAD + "1,ann,2026-01-01,9,,,,,\n", source_of(strange))


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ({"type": "choice"}, "needs its answers"),
        ({"type": "nps", "highest": 5}, "from 0 to 10"),
        ({"type": "scale", "allowed": ["a"]}, "for choice and multiple"),
        ({"type": "scale", "lowest": 5, "highest": 1}, "below `highest`"),
        ({"type": "csat", "numbers": {"Happy": 9}}, "not from 1 to 5"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(question: dict[str, Any], told: str) -> None:
    with pytest.raises(DefinitionError, match=told):
        check({"kind": "survey", "name": "s", "questions": {"q": question}})


# --- reviews ----------------------------------------------------------------------------------------------


def test_the_words_of_a_review_are_in_the_vault_and_its_mark_in_the_lake(shop: Shop) -> None:
    reviews = entity(
        "reviews",
        mapped={
            "sku": "sku",
            "rating": "stars",
            "text": "text",
            "title": "title",
            "recommended": "rec",
            "reviewed_at": "day",
            "customer_id": "who",
        },
    )
    load = shop.collect(
        "who,sku,stars,title,text,rec,day\n"
        'ann,p,5,Fine,"Call me: 020 7946 0000",1,2026-01-01\n'
        ",p,4,,,no,2026-01-02\n"
        ",p,9,,,no,2026-01-02\n"
        ",p,,,,,2026-01-02\n",
        reviews,
    )
    assert (load.rows_taken, load.people) == (2, 1)
    found = shop.rows("reviews", "origin_id", "rating", "rating_max", "recommended", "text_id")
    assert [row[:4] for row in found] == sorted(
        [(shop.origin("ann"), 5.0, 5.0, True), (None, 4.0, 5.0, False)], key=str
    )
    ids = [row[4] for row in found if row[4]]
    with shop.stores.control.read() as connection:
        assert read_texts(connection, ids) == {ids[0]: "Fine\nCall me: 020 7946 0000"}
    assert [reason for _, _, reason in shop.quarantined()] == ["rating_out_of_range", "missing"]
    assert all("7946" not in str(row) for row in shop.rows("reviews"))


# --- amounts ----------------------------------------------------------------------------------------------


def test_reviews_of_which_nothing_is_mapped_are_refused() -> None:
    with pytest.raises(DefinitionError, match="map one of rating, text, title, recommended"):
        source_of(entity("reviews", mapped={"sku": "sku"}))


def test_restated_cost_is_netted(shop: Shop) -> None:
    spend = entity(
        "ad_spend",
        mapped={
            n: n for n in ("channel", "campaign", "cost", "impressions", "clicks", "starts_at")
        },
    )
    head = "channel,campaign,cost,impressions,clicks,starts_at,ad\n"
    shop.collect(
        head + "search,brand,10,100,5,2026-01-01,a\nsearch,brand,2.5,10,1,2026-01-01,b\n"
        "search,,1,1,0,2026-01-02,c\nsearch,,-1,1,0,2026-01-02,c\n",
        spend,
    )
    row = {r[0]: r[1:] for r in shop.rows("ad_spend", "campaign", "cost", "clicks", "ends_at")}
    assert [float(row["brand"][0]), row["brand"][1], row["brand"][2]] == [
        12.5,
        6,
        day("2026-01-02"),
    ]
    assert [reason for _, _, reason in shop.quarantined()] == ["negative_cost"]
    load = shop.collect(
        head + "search,brand,11,100,5,2026-01-01,a\nsearch,,1,1,0,2026-01-02,c\n", spend, LATER
    )
    assert load.statements == 1
    found = shop.rows("ad_spend", "campaign", "cost", "clicks")
    assert sum(float(cost) for name, cost, _ in found if name == "brand") == 11
    assert sum(clicks for name, _, clicks in found if name == "brand") == 5


def test_usage_of_several_things_adds_up_once(shop: Shop) -> None:
    usage = entity(
        "usage",
        mapped={"customer_id": "who", "occurred_at": "month"},
        measured={"minutes": "min", "data": "gb"},
    )
    shop.collect("who,month,min,gb\nann,2026-01-31,100,2.25\nann,2026-02-28,50,\n", usage)
    shop.collect("who,month,min,gb\nann,2026-01-31,90,2.25\nann,2026-02-28,50,\n", usage, LATER)
    assert shop.rows("usage", "name", "amount", "occurred_at") == [
        ("data", 2.25, day("2026-01-31")),
        ("minutes", -10.0, day("2026-01-31")),
        ("minutes", 100.0, day("2026-01-31")),
        ("minutes", 50.0, day("2026-02-28")),
    ]


# --- what people allowed ----------------------------------------------------------------------------------


def test_a_list_of_consents_is_kept_with_purpose_channel_and_wording(shop_on_both: Shop) -> None:
    shop = shop_on_both
    consents = entity(
        "consents",
        mapped={
            "email": "who",
            "state": "state",
            "channel": "ch",
            "purpose": "why",
            "occurred_at": "day",
            "wording": "words",
        },
    )
    load = shop.collect(
        "who,state,ch,why,day,words\n"
        "ann@x.example,subscribed,email,news,2026-01-01,Yes please\n"
        "ann@x.example,unsubscribed,email,news,2026-02-01,\n"
        "bob@x.example,no,sms,,,\n"
        "cy@x.example,yes,pigeon,,,\n"
        "dee@x.example,maybe,email,,,\n",
        consents,
    )
    assert load.consents == {"email granted": 1, "email revoked": 1, "sms denied": 1}
    query = "SELECT purpose, channel, state, basis, wording FROM consents ORDER BY occurred_at"
    with shop.stores.control.read() as connection:
        assert [tuple(row) for row in connection.exec_driver_sql(query)] == [
            ("news", "email", "granted", "opt_in", "Yes please"),
            ("news", "email", "revoked", "request", None),
            ("marketing", "sms", "denied", "opt_in", None),
        ]
    reasons = [reason for _, _, reason in shop.quarantined()]
    assert reasons == ["unknown_channel", "unknown_state"]


def test_an_undated_yes_does_not_undo_a_withdrawal(shop: Shop) -> None:
    listed = entity("consents", mapped={"email": "who", "state": "state"}, channel="email")
    shop.collect("who,state\nann@x.example,unsubscribed\n", listed)
    load = shop.collect("who,state\nann@x.example,subscribed\n", listed, LATER)
    assert load.consents == {}


def test_suppressed_addresses_are_hashed_and_make_nobody(shop: Shop) -> None:
    bounced = entity("suppressions", mapped={"email": "who", "reason": "why", "occurred_at": "day"})
    load = shop.collect(
        "who,why,day\nAnn@X.example,Hard Bounce,2026-01-01\nnobody,spam,2026-01-01\nbob@x.example,fun,\n",
        bounced,
    )
    assert (load.statements, load.people) == (1, 0)
    hashed = address_hash(shop.stores.identity_key, "email", "ann@x.example")
    with shop.stores.control.read() as connection:
        rows = connection.exec_driver_sql("SELECT channel, address_hash, reason FROM suppressions")
        assert [tuple(row) for row in rows] == [("email", hashed, "bounced")]
        for table in ("vault_people", "identifiers"):
            found = connection.exec_driver_sql(f"SELECT count(*) FROM {table}")  # noqa: S608
            assert found.scalar_one() == 0
    reasons = [reason for _, _, reason in shop.quarantined()]
    assert reasons == ["no_identifier", "unknown_reason"]


# --- suggestions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "entity", "mapped"),
    [
        ("review_id rating title text created_at sku", "reviews", {"text": "text"}),
        ("Day Channel Campaign Cost Impressions", "ad_spend", {"starts_at": "Day", "cost": "Cost"}),
        ("contract plan start_date customer", "subscriptions", {"subscription_id": "contract"}),
        ("payment_id amount payment_type", "payments", {"method": "payment_type"}),
        ("cookie channel campaign interaction time", "touches", {"anonymous_id": "cookie"}),
    ],
)
def test_what_a_file_holds_is_suggested_by_its_columns(
    columns: str, entity: str, mapped: dict[str, str]
) -> None:
    found = suggest_mapping(columns.split())
    assert found.entity == entity
    assert mapped.items() <= found.map.items()


def test_free_texts_are_shown_by_their_first_letter_only(shop: Shop) -> None:
    surveyed(shop)
    shop.write(FORM_HEAD + "1,ann,2026-01-01,9,,,,,My name is Ann\n")
    [told] = explain(shop.stores, source_of(FORM), root=shop.folder, now=NOW).entities
    where = {field.target: field.where_to for field in told.fields}
    assert (where["answers.comment"], where["answers.recommend"]) == ("vault", "lake")
    assert told.rows[0]["answers.comment"] == "M…"
    assert told.rows[0]["answers.recommend"] == "9"

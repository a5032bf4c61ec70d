"""Answers of Delighted, SurveyMonkey and Typeform."""

from __future__ import annotations

import pytest

from collecting import Shop
from vendor_exports import Take, kinds_of_identifiers, lines, table, taken


def test_delighted(shop: Shop, take: Take) -> None:
    answer = {
        "id": "5435",
        "survey_type": "nps",
        "score": 9,
        "comment": "Love it",
        "created_at": 1767607200,
        "person": {"id": "10001", "email": "ann@x.example", "name": "Ann B"},
    }
    report = take("delighted", {"delighted.jsonl": lines(answer)})
    assert taken(report) == [("answers", 1)]
    assert shop.rows("answers", "question", "number") == [("comment", None), ("score", 9.0)]


def test_an_nps_survey_of_surveymonkey(shop: Shop, take: Take) -> None:
    text = (
        "Respondent ID,Collector ID,Start Date,End Date,IP Address,Email Address,First Name,Last Name,Custom Data 1,"
        "Recommend,Satisfied,Reason,Comment\n"
        ",,,,,,,,,Response,Response,Response,Open-Ended Response\n"
        '118700001,4500001,01/05/2026 09:58:12 AM,01/05/2026 10:00:00 AM,192.0.2.1,ann@x.example,,,,10,N/A,price,"Fine, thanks"\n'
        "118700002,4500001,01/25/2026 01:58:12 PM,01/25/2026 02:00:00 PM,192.0.2.1,bob@x.example,,,,3,1,other,\n"
    )
    report = take("nps-survey", {"nps-january.csv": text})
    assert (report["loads"][0]["rows_taken"], report["loads"][0]["ignored"]) == (2, 1)
    found = shop.rows("answers", "question", "number", "applicable")
    assert {("recommend", 10.0, True), ("recommend", 3.0, True), ("satisfied", None, False)} <= set(
        found
    )
    [at] = {row[0] for row in shop.rows("answers", "answered_at") if row[0].day == 25}
    assert (at.hour, at.minute) == (14, 0)


def test_an_nps_survey_of_typeform(shop: Shop, take: Take) -> None:
    header = (
        "#,How likely are you to recommend us to a friend or colleague?,What is the main reason for your score?,email,"
        "Response Type,Start Date (UTC),Stage Date (UTC),Submit Date (UTC),Network ID,Tags"
    )
    score, why = header.split(",")[1:3]
    said: dict[str, object] = {"email": "ann@x.example", "Response Type": "completed"}
    said |= {"Start Date (UTC)": "2026-01-05 14:03:17", "Submit Date (UTC)": "2026-01-05 14:05:02"}
    text = table(
        header,
        {"#": "odwdp4nzj1", score: "9", why: "Fast.", **said},
        {"#": "odwdp4nzj2", score: "0", **said, "email": "bob@x.example"},
        {"#": "odwdp4nzj3", score: "5", "Response Type": "partial"},
    )
    report = take("typeform", {"typeform-2026.csv": text})
    assert taken(report) == [("answers", 2)]
    found = shop.rows("answers", "response_id", "question", "number")
    assert found == [
        ("odwdp4nzj1", "reason", None),
        ("odwdp4nzj1", "recommend", 9.0),
        ("odwdp4nzj2", "recommend", 0.0),
    ]


TYPEFORM = "#,How likely are you to recommend us to a friend or colleague?,Submit Date (UTC)"
SURVEYMONKEY = "Respondent ID,End Date,Email Address,Recommend,Satisfied,Reason,Comment"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("typeform", f"{TYPEFORM}\nr1,9,2026-01-05 14:05:02\nr2,2,2026-01-06 14:05:02\n"),
        ("typeform", f"{TYPEFORM},email\nr1,9,2026-01-05 14:05:02,\nr2,2,2026-01-06 14:05:02,\n"),
        (
            "nps-survey",
            f"{SURVEYMONKEY}\n118701,01/05/2026 10:00:00 AM,,10,N/A,,\n118702,01/06/2026 10:00:00 AM,,3,1,,\n",
        ),
    ],
)
def test_answers_without_an_address_are_each_of_a_visitor(
    shop: Shop, take: Take, template: str, text: str
) -> None:
    take(template, {f"{template.removesuffix('-survey')}-1.csv": text})
    assert len(set(shop.rows("answers", "origin_id"))) == 2
    assert kinds_of_identifiers(shop) == {"anonymous_id"}

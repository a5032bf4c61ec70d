"""Contacts and firms of HubSpot and Salesforce."""

from __future__ import annotations

import pytest

from collecting import Shop
from vendor_exports import Take, consents, control, kinds_of_identifiers, table, taken


def test_hubspot(shop: Shop, take: Take) -> None:
    header = (
        "Record ID,First Name,Last Name,Email,Phone Number,Mobile Phone Number,Contact owner,Job Title,Associated Company,"
        "Associated Company IDs,Associated Company IDs (Primary),Lifecycle Stage,Lead Status,Original Traffic Source,"
        "Marketing contact status,Unsubscribed from all email,Country/Region,Create Date,Last Modified Date,Last Activity Date"
    )
    ann: dict[str, object] = {
        "Record ID": "51",
        "First Name": "Ann",
        "Email": "ann@x.example",
        "Job Title": "Buyer",
    }
    ann |= {"Associated Company IDs": "9001;9002", "Lifecycle Stage": "Lead", "Lead Status": "Open"}
    ann |= {"Original Traffic Source": "Organic Search", "Last Modified Date": "2026-01-03 10:00"}
    bob: dict[str, object] = {
        "Record ID": "52",
        "Email": "bob@x.example",
        "Lifecycle Stage": "Customer",
    }
    bob |= {"Unsubscribed from all email": "true", "Last Modified Date": "2026-01-03 10:00"}
    companies = table(
        "Record ID,Company name,Company owner,Industry,Number of Employees,Lifecycle Stage,City,Country/Region,Create Date,"
        "Last Modified Date",
        {
            "Record ID": "9001",
            "Company name": "Acme",
            "Industry": "Toys",
            "Number of Employees": "120",
        },
    )
    files = {"hubspot-contacts.csv": table(header, ann, bob), "hubspot-companies.csv": companies}
    report = take("hubspot", files)
    assert taken(report) == [("accounts", 1), ("customers", 2), ("consents", 1)]
    assert (shop.one("accounts")["size"], shop.one("accounts")["name"]) == (120, "Acme")
    member = shop.one("account_members")
    assert (member["account_id"], member["role"]) == ("9001", "Buyer")
    assert consents(shop) == [("email", "revoked")]
    traits = set(shop.rows("traits", "name", "value"))
    assert {("lead_stage", "Lead"), ("lead_source", "Organic Search")} <= traits


def test_hubspot_with_the_names_of_another_portal(shop: Shop, take: Take) -> None:
    row = {"Record ID - Contact": "51", "Email": "ann@x.example", "Original Source": "Referrals"}
    row |= {"Primary Associated Company ID": "9001"}
    text = table(
        "Record ID - Contact,Email,Original Source,Primary Associated Company ID", dict(row)
    )
    report = take("hubspot", {"hubspot-contacts.csv": text})
    assert report["absent"] == ["companies"]
    assert ("lead_source", "Referrals") in shop.rows("traits", "name", "value")
    assert shop.one("account_members")["account_id"] == "9001"
    assert kinds_of_identifiers(shop) == {"email", "external_id:hubspot"}


@pytest.mark.parametrize(
    ("yes", "no", "when"),
    [("true", "false", "2026-01-05T10:00:00.000Z"), ("1", "0", "2026-01-05 10:00:00")],
    ids=["data loader", "data export"],
)
def test_salesforce(shop: Shop, take: Take, yes: str, no: str, when: str) -> None:
    stamp: dict[str, object] = {"LastModifiedDate": when, "IsDeleted": no}
    account = {
        "Id": "001A",
        "Name": "Acme",
        "Industry": "Toys",
        "NumberOfEmployees": "120",
        **stamp,
    }
    contact = {
        "Id": "003A",
        "AccountId": "001A",
        "Email": "ann@x.example",
        "Title": "Buyer",
        **stamp,
    }
    gone = {
        **contact,
        "Id": "003B",
        "Email": "old@x.example",
        "IsDeleted": yes,
        "HasOptedOutOfEmail": no,
    }
    lead = {
        "Id": "00QA",
        "Email": "cy@x.example",
        "Status": "Open",
        "Rating": "Hot",
        "IsConverted": no,
        **stamp,
    }
    merged = {
        **lead,
        "Id": "00QB",
        "Email": "ann@x.example",
        "IsConverted": yes,
        "HasOptedOutOfEmail": no,
    }
    files = {
        "Account.csv": table(
            "Id,IsDeleted,Name,Type,BillingCountry,Industry,NumberOfEmployees,LastModifiedDate",
            dict(account),
        ),
        "Contact.csv": table(
            "Id,IsDeleted,AccountId,LastName,FirstName,MailingPostalCode,MailingCountry,Phone,MobilePhone,Email,Title,"
            "LeadSource,LastModifiedDate,HasOptedOutOfEmail",
            {**contact, "Phone": "+441134960000", "HasOptedOutOfEmail": yes},
            dict(gone),
        ),
        "Lead.csv": table(
            "Id,IsDeleted,LastName,FirstName,Company,PostalCode,Country,Phone,MobilePhone,Email,LeadSource,Status,Industry,"
            "Rating,IsConverted,LastModifiedDate,HasOptedOutOfEmail",
            {
                **lead,
                "MobilePhone": "+447700900000",
                "Phone": "+441134960000",
                "HasOptedOutOfEmail": yes,
            },
            dict(merged),
        ),
    }
    report = take("salesforce", files)
    expected = [
        ("accounts", 1),
        ("customers", 1),
        ("consents", 1),
        ("customers", 1),
        ("consents", 1),
    ]
    assert taken(report) == expected
    assert report["loads"][3]["ignored"] == 1
    assert consents(shop) == [("email", "revoked"), ("email", "revoked")]
    assert ("lead_score", "Hot") in shop.rows("traits", "name", "value")
    assert control(
        shop, "SELECT count(DISTINCT value_hash) FROM identifiers WHERE kind = 'phone'"
    ) == [(2,)]

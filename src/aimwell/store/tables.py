"""The canonical tables of the lake: every column once, with its type and what it means.

A row of the lake bears an `origin_id`: the identity under which it came, for ever. The identity graph in the
control database says which profile an origin belongs to today. Times are UTC, money is DECIMAL(18,4) in the
workspace's currency unless the column says otherwise, ids are text, `properties` is a JSON object as text.
No column ever holds personal data (e-mail, telephone, name, street, IP, free text): that is in the vault.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

__all__ = ["LAKE_TABLES", "MONEY", "TIME", "Column", "LakeTable"]

MONEY = pa.decimal128(18, 4)
TIME = pa.timestamp("us", tz="UTC")
_TEXT, _INT, _REAL, _BOOL = pa.string(), pa.int64(), pa.float64(), pa.bool_()


@dataclass(frozen=True)
class Column:
    """One column: `required` ones are never null."""

    name: str
    type: pa.DataType
    help: str
    required: bool = False


@dataclass(frozen=True)
class LakeTable:
    """One table of the lake; `row` says what a row means."""

    name: str
    row: str
    columns: tuple[Column, ...]

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema, in the order of the columns."""
        return pa.schema([pa.field(c.name, c.type, nullable=not c.required) for c in self.columns])

    @cached_property
    def documented_schema(self) -> pa.Schema:
        """The same schema with each column's help as its comment, as Spark and others show it."""
        fields = zip(self.schema, self.columns, strict=True)
        return pa.schema([field.with_metadata({"comment": c.help}) for field, c in fields])

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(c.name for c in self.columns)


def _c(name: str, type_: pa.DataType, help_: str, *, required: bool = False) -> Column:
    return Column(name, type_, help_, required)


_ORIGIN = _c("origin_id", _TEXT, "Identity under which the row came.", required=True)
_ORIGIN_OR_ANONYMOUS = _c("origin_id", _TEXT, "Identity under which the row came; null: anonymous.")
_SOURCE = _c("source", _TEXT, "Name of the source definition.", required=True)
_LOAD = _c("load_id", _TEXT, "The load that brought the row (control table loads).")
_RECEIVED = _c("received_at", TIME, "When Aimwell took the row.", required=True)
_PROPERTIES = _c("properties", _TEXT, "Further fields as a JSON object.")
_PROVENANCE = (_SOURCE, _LOAD, _RECEIVED)

_TABLES = (
    LakeTable(
        "events",
        "One thing that somebody did, other than an order or a touch.",
        (
            _c("event_id", _TEXT, "Unique id (message id, or a hash of the row).", required=True),
            _ORIGIN,
            _c("event", _TEXT, "Name, as 'Product Viewed'.", required=True),
            _c("occurred_at", TIME, "When it happened.", required=True),
            _c("session_id", _TEXT, "Visit to which it belongs."),
            _c("sku", _TEXT, "Product that it is about."),
            _c("category", _TEXT, "Category that it is about."),
            _c("revenue", MONEY, "Money value that the event reports."),
            _c("quantity", MONEY, "Quantity that the event reports."),
            _PROPERTIES,
            _c("message_type", _TEXT, "Kind of the tracking message, as 'track'; null: by file."),
            _c(
                "envelope",
                _TEXT,
                "What a tracking message said besides, as a JSON object: context, traits, integrations, times as told.",
            ),
            _c("vault_key", _TEXT, "Key of the message's personal part in the vault."),
            _c(
                "machine",
                _TEXT,
                "Why it is held to come from a machine: 'user_agent' (it says so) or 'flood' (one of very many new ids "
                "within minutes, by itself and without a browser's signs); null: a person's.",
            ),
            *_PROVENANCE,
        ),
    ),
    LakeTable(
        "orders",
        "One order's contribution in one load. Rows of one order add up: a late line or a correction is a "
        "further row with the difference. A return or cancellation has negative amounts.",
        (
            _c("order_id", _TEXT, "The shop's number of the order.", required=True),
            _ORIGIN_OR_ANONYMOUS,
            _c(
                "kind",
                _TEXT,
                "'sale' (one row an order), 'addition' (a later load's difference to a known sale, or an order "
                "without goods, as postage only) or 'return' (returns and cancellations; a row each moment).",
                required=True,
            ),
            _c("ordered_at", TIME, "When it was ordered or returned.", required=True),
            _c("revenue", MONEY, "Goods after discount, without tax and shipping.", required=True),
            _c("discount", MONEY, "Discount given, positive."),
            _c("tax", MONEY, "Tax."),
            _c("shipping", MONEY, "Shipping charged."),
            _c("quantity", MONEY, "Units of goods.", required=True),
            _c("lines", _INT, "Number of lines.", required=True),
            _c("coupon", _TEXT, "Coupon code used."),
            _c("shop_id", _TEXT, "Shop or channel of the sale."),
            _c("payment_method", _TEXT, "How it was paid."),
            _c("original_order_id", _TEXT, "Order that a return belongs to, where known."),
            _PROPERTIES,
            *_PROVENANCE,
        ),
    ),
    LakeTable(
        "order_lines",
        "One line of an order.",
        (
            _c("line_id", _TEXT, "Unique id: a hash of source, order and line.", required=True),
            _c("order_id", _TEXT, "The order.", required=True),
            _ORIGIN_OR_ANONYMOUS,
            _c("kind", _TEXT, "'sale' or 'return'.", required=True),
            _c("ordered_at", TIME, "As in orders.", required=True),
            _c("sku", _TEXT, "Product."),
            _c(
                "goods",
                _BOOL,
                "False for postage, fees and other lines without goods.",
                required=True,
            ),
            _c("quantity", MONEY, "Units; negative when returned.", required=True),
            _c("unit_price", MONEY, "Price of a unit before discount.", required=True),
            _c("discount", MONEY, "Discount on the line, positive.", required=True),
            _c("revenue", MONEY, "quantity × unit_price − discount.", required=True),
            _c("unit_cost", MONEY, "What a unit cost the firm; null: unknown."),
            _PROPERTIES,
            *_PROVENANCE,
        ),
    ),
    LakeTable(
        "products",
        "What one source said of a product from set_at on.",
        (
            _c("sku", _TEXT, "The product.", required=True),
            _c("name", _TEXT, "Name in words."),
            _c("category", _TEXT, "Category."),
            _c("brand", _TEXT, "Brand."),
            _c("price", MONEY, "List price."),
            _c("unit_cost", MONEY, "What a unit costs the firm."),
            _c("set_at", TIME, "From when this holds.", required=True),
            _PROPERTIES,
            *_PROVENANCE,
        ),
    ),
    LakeTable(
        "traits",
        "One statement about a person that does not identify them, from set_at on.",
        (
            _ORIGIN,
            _c("name", _TEXT, "Trait, as 'country'.", required=True),
            _c("value", _TEXT, "Its value as text; null: withdrawn."),
            _c("set_at", TIME, "From when it holds.", required=True),
            *_PROVENANCE,
        ),
    ),
    LakeTable(
        "trait_marks",
        "How a trait of that moment came to its value, where the source did not say it so.",
        (
            _ORIGIN,
            _c("name", _TEXT, "Trait.", required=True),
            _c("set_at", TIME, "Of the statement in traits.", required=True),
            _c(
                "how",
                _TEXT,
                "'filled:constant', 'filled:median' …: a rule stood in; 'standard:country' …: brought into a form.",
                required=True,
            ),
            _c("original", _TEXT, "The text as the source gave it; null where it gave none."),
            *_PROVENANCE,
        ),
    ),
    LakeTable(
        "known_people",
        "A person of whom a source of customers told, once for each time that it said something else of them; orders "
        "and events make nobody known.",
        (
            _ORIGIN,
            _c(
                "content",
                _TEXT,
                "Keyed hash of what it said, behind eight digits of its mapping; null: before this was kept.",
            ),
            *_PROVENANCE,
        ),
    ),
    LakeTable(
        "touches",
        "One thing that happened to a message or advertisement (sent, delivered, opened, clicked …).",
        (
            _c("touch_id", _TEXT, "Unique id.", required=True),
            _ORIGIN,
            _c("event", _TEXT, "Name, as 'Email Sent', 'Email Opened'.", required=True),
            _c("occurred_at", TIME, "When.", required=True),
            _c("message_id", _TEXT, "Message in the ledger."),
            _c("plan_id", _TEXT, "Plan that sent it."),
            _c("campaign", _TEXT, "Campaign."),
            _c("channel", _TEXT, "Channel."),
            _c("action", _TEXT, "Action (offer × channel × content)."),
            _c("variant", _TEXT, "Content variant."),
            _c("link_id", _TEXT, "Link that was clicked."),
            _c("machine", _BOOL, "A machine did it, by its signs.", required=True),
            _c("cost", MONEY, "Cost of the contact."),
            _PROPERTIES,
            *_PROVENANCE,
        ),
    ),
    LakeTable(
        "assignments",
        "The arm of one person in one experiment; a fact about the origin.",
        (
            _c("experiment", _TEXT, "Campaign or experiment.", required=True),
            _c("plan_id", _TEXT, "Plan that assigned it."),
            _ORIGIN,
            _c("arm", _TEXT, "'control', 'nothing' (passed over) or the action.", required=True),
            _c("action", _TEXT, "Action; null where there is none."),
            _c("variant", _TEXT, "Content variant."),
            _c("bucket", _INT, "0…9999 by md5 of salt and origin."),
            _c("probability", _REAL, "Probability with which this arm was drawn.", required=True),
            _c(
                "choice",
                _TEXT,
                "Action that the policy gives before chance decides who is held out and who explores, or 'nothing'; null where no policy chose.",
            ),
            _c("assigned_at", TIME, "When.", required=True),
            *_PROVENANCE,
        ),
    ),
    LakeTable(
        "memberships",
        "A person entered or left a segment, or was in it at a full refresh.",
        (
            _c("segment", _TEXT, "Segment definition.", required=True),
            _c("revision", _INT, "Revision of the definition.", required=True),
            _ORIGIN,
            _c("change", _TEXT, "'entered', 'left' or 'snapshot'.", required=True),
            _c("occurred_at", TIME, "When.", required=True),
            *_PROVENANCE,
        ),
    ),
    LakeTable(
        "features",
        "One feature of one person as of a moment.",
        (
            _ORIGIN,
            _c("name", _TEXT, "Feature.", required=True),
            _c("value", _REAL, "Value; null: undefined."),
            _c("as_of", TIME, "Nothing later was seen.", required=True),
            *_PROVENANCE,
        ),
    ),
    LakeTable(
        "scores",
        "What one model version expects of one person as of a moment.",
        (
            _ORIGIN,
            _c("model", _TEXT, "Model.", required=True),
            _c("version", _INT, "Version in the registry.", required=True),
            _c("score", _REAL, "Probability, money or count, by the model's unit."),
            _c("lower", _REAL, "Lower end of the interval, where there is one."),
            _c("upper", _REAL, "Upper end."),
            _c("as_of", TIME, "Moment of the features.", required=True),
            _c("horizon_days", _INT, "How far ahead it looks."),
            *_PROVENANCE,
        ),
    ),
    LakeTable(
        "decisions",
        "One choice of an action for one person, with its probability.",
        (
            _c("decision_id", _TEXT, "Unique id.", required=True),
            _c("plan_id", _TEXT, "Plan, where there is one."),
            _c("campaign", _TEXT, "Campaign."),
            _ORIGIN,
            _c("action", _TEXT, "Chosen action; null: nothing."),
            _c("probability", _REAL, "Probability with which it was chosen.", required=True),
            _c("expected_profit", _REAL, "Expected incremental profit, where known."),
            _c(
                "choice",
                _TEXT,
                "Action that the policy gives before chance decides who is held out and who explores, or 'nothing'; null where no policy chose.",
            ),
            _c("reason", _TEXT, "Why, in a word."),
            _c("decided_at", TIME, "When.", required=True),
            *_PROVENANCE,
        ),
    ),
    LakeTable(
        "quarantine",
        "One row that could not be taken; the row itself waits in the vault.",
        (
            _c("row_hash", _TEXT, "Key of the row in the vault.", required=True),
            _c("file", _TEXT, "File name."),
            _c("line", _INT, "Line in the file, the first is 1."),
            _c("field", _TEXT, "Field that is wrong."),
            _c("reason", _TEXT, "Reason as a short code.", required=True),
            _c("detail", _TEXT, "What was wrong and what is allowed, without personal data."),
            *_PROVENANCE,
        ),
    ),
    LakeTable(
        "shops",
        "What is known of a shop from set_at on.",
        (
            _c("shop_id", _TEXT, "The shop.", required=True),
            _c("name", _TEXT, "Name."),
            _c("country", _TEXT, "ISO country."),
            _c("region", _TEXT, "Region, as people's trait `region` calls it."),
            _c("city", _TEXT, "City."),
            _c("latitude", _REAL, "Degrees north."),
            _c("longitude", _REAL, "Degrees east."),
            _c("timezone", _TEXT, "IANA time zone of its hours."),
            _c(
                "hours",
                _TEXT,
                'When it is open, as {"mon": [["09:00", "18:00"]], …}; null: unknown.',
            ),
            _c("set_at", TIME, "From when this holds.", required=True),
            _PROPERTIES,
            *_PROVENANCE,
        ),
    ),
    LakeTable(
        "subscriptions",
        "The state of one subscription from set_at on.",
        (
            _c("subscription_id", _TEXT, "The subscription.", required=True),
            _ORIGIN,
            _c("plan", _TEXT, "Plan."),
            _c(
                "state",
                _TEXT,
                "'trial', 'active', 'past_due' (a payment is late), 'paused' or 'ended'.",
                required=True,
            ),
            _c("price", MONEY, "Price of a period."),
            _c("period_months", _INT, "Length of a period, in months."),
            _c("account_id", _TEXT, "Firm that has it, where it is a firm's."),
            _c("started_at", TIME, "When it began."),
            _c("ended_at", TIME, "When it ended, or will."),
            _c("reason", _TEXT, "Why it ended, as a code."),
            _c("set_at", TIME, "From when this holds.", required=True),
            _PROPERTIES,
            *_PROVENANCE,
        ),
    ),
    LakeTable(
        "subscription_plans",
        "What may be subscribed to, from set_at on.",
        (
            _c("plan", _TEXT, "Plan, as `subscriptions` calls it.", required=True),
            _c("name", _TEXT, "Name in words."),
            _c("price", MONEY, "Price of a period."),
            _c("period_months", _INT, "Length of a period, in months."),
            _c("trial_days", _INT, "Days of trial before the first payment."),
            _c("set_at", TIME, "From when this holds.", required=True),
            _PROPERTIES,
            *_PROVENANCE,
        ),
    ),
    LakeTable(
        "payments",
        "The state of one payment, instalment or repayment from set_at on; the newest row of a payment counts.",
        (
            _c("payment_id", _TEXT, "The payment.", required=True),
            _ORIGIN_OR_ANONYMOUS,
            _c("kind", _TEXT, "'payment', 'repayment' (of a credit) or 'refund'.", required=True),
            _c("state", _TEXT, "'due', 'paid', 'late', 'failed' or 'refunded'.", required=True),
            _c("amount", MONEY, "How much, positive.", required=True),
            _c("method", _TEXT, "How, as 'credit_card'."),
            _c("instalments", _INT, "In how many parts it is paid."),
            _c("order_id", _TEXT, "Order that it is for."),
            _c("subscription_id", _TEXT, "Subscription that it is for."),
            _c("due_at", TIME, "When it is due."),
            _c("set_at", TIME, "From when this holds.", required=True),
            _PROPERTIES,
            *_PROVENANCE,
        ),
    ),
    LakeTable(
        "loyalty",
        "The balance of one person in a loyalty programme from set_at on.",
        (
            _ORIGIN,
            _c("programme", _TEXT, "The programme.", required=True),
            _c("balance", _REAL, "Points."),
            _c("tier", _TEXT, "Level, as 'gold'."),
            _c("set_at", TIME, "From when this holds.", required=True),
            _PROPERTIES,
            *_PROVENANCE,
        ),
    ),
    LakeTable(
        "reviews",
        "One review of a product, order or shop; its words are in the vault.",
        (
            _c("review_id", _TEXT, "Unique id.", required=True),
            _ORIGIN_OR_ANONYMOUS,
            _c("sku", _TEXT, "Product that it is about."),
            _c("order_id", _TEXT, "Order that it is about."),
            _c("shop_id", _TEXT, "Shop that it is about."),
            _c("category", _TEXT, "Category that it is about."),
            _c("rating", _REAL, "Mark, from 1 to rating_max."),
            _c("rating_max", _REAL, "Best mark that could be given."),
            _c("recommended", _BOOL, "Whether the person recommends it."),
            _c("helpful", _INT, "How many found the review helpful."),
            _c("text_id", _TEXT, "Key of its words in the vault; null: none."),
            _c(
                "reviewed_at",
                TIME,
                "When; when it was collected, where the source does not say.",
                required=True,
            ),
            _PROPERTIES,
            *_PROVENANCE,
        ),
    ),
    LakeTable(
        "outcomes",
        "What one person did after an assignment, as a past campaign or experiment reports it.",
        (
            _c("experiment", _TEXT, "Campaign or experiment, as in assignments.", required=True),
            _ORIGIN,
            _c("name", _TEXT, "Outcome, as 'visit' or 'spend'.", required=True),
            _c("value", _REAL, "How much; 1 and 0 for yes and no.", required=True),
            _c("window_days", _INT, "Days after the assignment in which it was counted."),
            _c("observed_at", TIME, "When it was known: the end of the window.", required=True),
            *_PROVENANCE,
        ),
    ),
    LakeTable(
        "usage",
        "How much of something a person used in a period. Rows of one period add up: a correction is a further "
        "row with the difference.",
        (
            _ORIGIN,
            _c("name", _TEXT, "What was used.", required=True),
            _c("amount", _REAL, "How much.", required=True),
            _c("unit", _TEXT, "Unit."),
            _c("subscription_id", _TEXT, "Subscription that it belongs to."),
            _c("occurred_at", TIME, "End of the period.", required=True),
            *_PROVENANCE,
        ),
    ),
    LakeTable(
        "accounts",
        "What is known of a firm from set_at on.",
        (
            _c("account_id", _TEXT, "The firm.", required=True),
            _c("name", _TEXT, "Name of the firm."),
            _c("country", _TEXT, "ISO country."),
            _c("industry", _TEXT, "Industry."),
            _c("size", _INT, "Employees."),
            _c("stage", _TEXT, "Lead stage."),
            _c("set_at", TIME, "From when this holds.", required=True),
            _PROPERTIES,
            *_PROVENANCE,
        ),
    ),
    LakeTable(
        "account_members",
        "A person belongs to a firm, or no longer, from set_at on.",
        (
            _c("account_id", _TEXT, "The firm.", required=True),
            _ORIGIN,
            _c("role", _TEXT, "What the person is there, as 'buyer'."),
            _c("state", _TEXT, "'member' or 'left'.", required=True),
            _c("set_at", TIME, "From when this holds.", required=True),
            *_PROVENANCE,
        ),
    ),
    LakeTable(
        "account_scores",
        "What one model version expects of one firm as of a moment.",
        (
            _c("account_id", _TEXT, "The firm.", required=True),
            _c("model", _TEXT, "Model.", required=True),
            _c("version", _INT, "Version in the registry.", required=True),
            _c("score", _REAL, "Probability."),
            _c("as_of", TIME, "Moment of the features.", required=True),
            _c("horizon_days", _INT, "How far ahead it looks."),
            *_PROVENANCE,
        ),
    ),
    LakeTable(
        "prices",
        "The price of a product from set_at on.",
        (
            _c("sku", _TEXT, "The product.", required=True),
            _c("seller", _TEXT, "Who asks it; null: this firm."),
            _c("price", MONEY, "Price.", required=True),
            _c("set_at", TIME, "From when this holds.", required=True),
            *_PROVENANCE,
        ),
    ),
    LakeTable(
        "market",
        "A dated outside figure or fact by key (weather of a region, urban or rural, a currency rate, an index). "
        "What is known of one person is a trait.",
        (
            _c("name", _TEXT, "Series, as 'rate:EUR:GBP'.", required=True),
            _c(
                "dimension",
                _TEXT,
                "What `key` is: 'region', 'category', 'sku' …; null: nothing in particular.",
            ),
            _c("key", _TEXT, "Region, category or product that it is for."),
            _c("value", _REAL, "Figure; 1 where the fact is a word.", required=True),
            _c("text", _TEXT, "The fact where it is a word, as 'urban'."),
            _c("set_at", TIME, "From when this holds.", required=True),
            *_PROVENANCE,
        ),
    ),
    LakeTable(
        "ad_spend",
        "Money spent on advertising in a period. Rows of one period add up: a correction is a further row with "
        "the difference.",
        (
            _c("campaign", _TEXT, "Campaign."),
            _c("channel", _TEXT, "Channel.", required=True),
            _c("cost", MONEY, "Cost.", required=True),
            _c("impressions", _INT, "How often it was shown."),
            _c("clicks", _INT, "How often it was clicked."),
            _c("starts_at", TIME, "Start of the period.", required=True),
            _c("ends_at", TIME, "End of the period.", required=True),
            *_PROVENANCE,
        ),
    ),
    LakeTable(
        "answers",
        "One answer of one person to one survey question; free text is in the vault.",
        (
            _ORIGIN,
            _c("survey", _TEXT, "Survey definition.", required=True),
            _c("question", _TEXT, "Question.", required=True),
            _c("response_id", _TEXT, "The filled-in form, which joins the answers given together."),
            _c(
                "value",
                _TEXT,
                "Answer as text; one row for each that was chosen of several. Null: free text, or not applicable.",
            ),
            _c("number", _REAL, "Answer as a number."),
            _c(
                "applicable",
                _BOOL,
                "False: the person said that the question does not apply; null: as true.",
            ),
            _c("text_id", _TEXT, "Key of a free text in the vault."),
            _c("answered_at", TIME, "When.", required=True),
            *_PROVENANCE,
        ),
    ),
)

LAKE_TABLES: dict[str, LakeTable] = {table.name: table for table in _TABLES}

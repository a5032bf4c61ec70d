"""`source`: files of orders, customers, events and what else can come in, and how their columns are to be understood."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from aimwell.currencies import known_currency
from aimwell.definitions.base import Definition, Name, Part, Reference
from aimwell.definitions.data_kinds import DataKind
from aimwell.definitions.nobody import NOBODY
from aimwell.definitions.source_entity import EntityPart, FieldName, Join
from aimwell.definitions.source_inputs import (
    DatabaseSpec,
    Delimiter,
    Encoding,
    FileFormat,
    FileSpec,
    InputSpec,
    OneOrMore,
    TableSpec,
)
from aimwell.definitions.source_more import (
    AccountMembersEntity,
    AccountsEntity,
    AdSpendEntity,
    AnswersEntity,
    AssignmentsEntity,
    ConsentsEntity,
    LoyaltyEntity,
    MarketEntity,
    OutcomesEntity,
    PaymentsEntity,
    PlansEntity,
    PricesEntity,
    ReviewsEntity,
    ShopsEntity,
    SubscriptionsEntity,
    SuppressionsEntity,
    TouchesEntity,
    UsageEntity,
)
from aimwell.definitions.source_schedule import Freshness, SourceSchedule, Volume
from aimwell.definitions.source_values import (
    CustomersMap,
    EventsMap,
    Medium,
    OrdersMap,
    ProductsMap,
    RatesMap,
    Value,
)
from aimwell.errors import nearest
from aimwell.settings import known_country
from aimwell.zones import known_zones, nearest_zone

__all__ = [
    "Consent",
    "CustomersEntity",
    "DatabaseSpec",
    "Entity",
    "EventsEntity",
    "FileFormat",
    "FileSpec",
    "InputSpec",
    "Join",
    "Limits",
    "OrdersEntity",
    "ProductsEntity",
    "RatesEntity",
    "Source",
    "TableSpec",
    "Tracking",
    "TrackingConsent",
]


_DIRECTIVES = set("YymbBdjeHIMSfpaA-%")
_WORDS = ("iso", "epoch", "epoch_ms")


def _known_zone(value: str) -> str:
    if value not in known_zones():
        raise ValueError(f"there is no time zone of this name. {nearest_zone(value)}")
    return value


def _date_format(value: str) -> str:
    if value in _WORDS:
        return value
    directives = re.findall(r"%(-?.?)", value)
    letters = {d.lstrip("-") for d in directives}
    if not letters or not letters <= _DIRECTIVES:
        raise ValueError(
            f"write {', '.join(_WORDS)} or a pattern as %d/%m/%Y %H:%M; the zone is said by `timezone`"
        )
    if not letters & {"Y", "y"} or not (
        letters & {"j"} or (letters & set("mbB") and "d" in letters)
    ):
        raise ValueError("a pattern needs year, month and day, as %d/%m/%Y")
    return value


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"this pattern is wrong: {error}") from None
    return value


Zone = Annotated[str, AfterValidator(_known_zone)]
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$"), AfterValidator(known_currency)]
Country = Annotated[str, Field(pattern="^[A-Z]{2}$"), AfterValidator(known_country)]


class OrdersEntity(EntityPart):
    """Order lines: a row is one line of an order."""

    entity: Literal["orders"]
    map: OrdersMap
    traits: dict[FieldName, Value] = Field(
        default={}, description="What the row tells of the customer, as country."
    )
    properties: dict[FieldName, Value] = Field(
        default={}, description="Further fields of the line; not personal."
    )
    not_goods: tuple[str, ...] = Field(
        default=(), description="Codes of lines that are no goods: postage, fees, adjustments."
    )
    not_goods_pattern: Annotated[str, AfterValidator(_pattern)] | None = Field(
        default=None, description="Pattern of codes that are no goods, as ^(POST|gift_.*)$."
    )
    shipping_codes: tuple[str, ...] = Field(
        default=(), description="Codes whose lines are the order's shipping; they are no goods."
    )
    once_per_order: tuple[Literal["shipping", "tax", "discount"], ...] = Field(
        default=(),
        description="Columns that repeat the order's total on each line; they are counted once.",
    )
    keep_repeats: bool = Field(
        default=False,
        description="Equal lines are repeats of a purchase, not duplicates of a row.",
    )
    not_personal: tuple[str, ...] = Field(
        default=(), description="Traits and properties that only look personal."
    )

    @model_validator(mode="after")
    def _enough(self) -> OrdersEntity:
        missing = [f"map.{name}" for name in self.once_per_order if not getattr(self.map, name)]
        if missing:
            raise ValueError(f"once_per_order names what is not mapped: {', '.join(missing)}")
        if self.map.goods_total is not None and self.map.discount is not None:
            raise ValueError(
                "map goods_total or discount, not both: goods_total is after all discounts, which follow from it"
            )
        return self


class CustomersEntity(EntityPart):
    """Customers: a row is one statement about one customer."""

    entity: Literal["customers"]
    map: CustomersMap
    traits: dict[FieldName, Value] = Field(
        default={}, description="Traits that do not identify: {country: Country}."
    )
    vault: dict[FieldName, Value] = Field(
        default={}, description="Further personal fields, kept in the vault only."
    )
    not_personal: tuple[str, ...] = Field(default=(), description="Traits that only look personal.")


class ProductsEntity(EntityPart):
    """Products: a row is what is said of one product."""

    entity: Literal["products"]
    map: ProductsMap
    properties: dict[FieldName, Value] = Field(default={}, description="Further fields.")


class EventsEntity(EntityPart):
    """Events: a row is one thing that somebody did."""

    entity: Literal["events"]
    map: EventsMap
    properties: dict[FieldName, Value] = Field(
        default={}, description="Further fields of the event; not personal."
    )
    not_personal: tuple[str, ...] = Field(
        default=(), description="Properties that only look personal."
    )


class RatesEntity(EntityPart):
    """Exchange rates: a row is what one currency was worth in another from a day on."""

    entity: Literal["rates"]
    map: RatesMap


def _entity_of(data: Any) -> str:
    name = data.get("entity") if isinstance(data, dict) else getattr(data, "entity", None)
    return f"<{name}>"


# The tags stand in angle brackets so that the path of a fault leaves them out.
Entity = Annotated[
    Annotated[OrdersEntity, Tag("<orders>")]
    | Annotated[CustomersEntity, Tag("<customers>")]
    | Annotated[ProductsEntity, Tag("<products>")]
    | Annotated[EventsEntity, Tag("<events>")]
    | Annotated[RatesEntity, Tag("<rates>")]
    | Annotated[AccountsEntity, Tag("<accounts>")]
    | Annotated[AccountMembersEntity, Tag("<account_members>")]
    | Annotated[PricesEntity, Tag("<prices>")]
    | Annotated[ShopsEntity, Tag("<shops>")]
    | Annotated[PlansEntity, Tag("<plans>")]
    | Annotated[SubscriptionsEntity, Tag("<subscriptions>")]
    | Annotated[PaymentsEntity, Tag("<payments>")]
    | Annotated[UsageEntity, Tag("<usage>")]
    | Annotated[LoyaltyEntity, Tag("<loyalty>")]
    | Annotated[MarketEntity, Tag("<market>")]
    | Annotated[AdSpendEntity, Tag("<ad_spend>")]
    | Annotated[TouchesEntity, Tag("<touches>")]
    | Annotated[AssignmentsEntity, Tag("<assignments>")]
    | Annotated[OutcomesEntity, Tag("<outcomes>")]
    | Annotated[AnswersEntity, Tag("<answers>")]
    | Annotated[ReviewsEntity, Tag("<reviews>")]
    | Annotated[ConsentsEntity, Tag("<consents>")]
    | Annotated[SuppressionsEntity, Tag("<suppressions>")],
    Discriminator(
        _entity_of,
        custom_error_type="unknown_entity",
        custom_error_message="`entity` must be orders, customers, products, events, rates, accounts, "
        "account_members, prices, shops, plans, subscriptions, payments, usage, loyalty, market, ad_spend, "
        "touches, assignments, outcomes, answers, reviews, consents or suppressions",
    ),
]


class Consent(Part):
    """On what grounds the people of this source may be contacted. Without any, nobody may."""

    purpose: Name = "marketing"
    wording: str | None = Field(
        default=None, max_length=2000, description="What people agreed to, in words."
    )
    opt_in: dict[Medium, Value] = Field(
        default={}, description="Columns of customers that say yes or no: {email: email_opt_in}."
    )
    given_at: Value | None = Field(
        default=None, description="Column of customers that says when; else when it was collected."
    )
    soft_opt_in: tuple[Medium, ...] = Field(
        default=(),
        description="Media over which the law lets you write to buyers about similar goods.",
    )


class Limits(Part):
    """What is taken for a mistake."""

    quantity: Annotated[float, Field(gt=0, le=1e13)] = Field(
        default=1_000_000, description="Units on a line at most."
    )
    price: Annotated[float, Field(gt=0, le=1e13)] = Field(
        default=10_000_000, description="Price of a unit at most, in the source's currency."
    )
    earliest: datetime = Field(
        default=datetime(1980, 1, 1, tzinfo=UTC), description="No time is before this."
    )
    hours_ahead: Annotated[float, Field(ge=0, le=87_600)] = Field(
        default=24, description="A time may be so far in the future, for clocks that go wrong."
    )

    @model_validator(mode="after")
    def _aware(self) -> Limits:
        if self.earliest.tzinfo is None:
            object.__setattr__(self, "earliest", self.earliest.replace(tzinfo=UTC))
        return self


class TrackingConsent(Part):
    """What a yes or no to one category of a consent banner means."""

    purpose: Name = "marketing"
    channels: OneOrMore[Medium] = Field(
        description="Channels over which the answer holds: email, ad_audience …"
    )


class Tracking(Part):
    """Messages that clients of the tracking API send with a write key of this source."""

    consent: dict[Annotated[str, Field(min_length=1, max_length=100)], TrackingConsent] = Field(
        default={},
        description="Category of the banner (context.consent.categoryPreferences): what it means. Categories that are "
        "not named here are kept as answers about tracking itself.",
    )
    not_personal: tuple[str, ...] = Field(
        default=(), description="Names of properties and traits that only look personal."
    )
    nobody: tuple[Annotated[str, Field(min_length=1, max_length=100)], ...] = Field(
        default=NOBODY,
        description="userId, anonymousId and previousId that name nobody, as 0 or undefined. [] takes every id as it is.",
    )
    orders: bool = Field(
        default=True,
        description="Order Completed, Updated, Refunded and Cancelled become orders. Say no where the same orders "
        "come from files under other numbers.",
    )
    robots: bool = Field(
        default=True,
        description="Take the messages of known robots (by their user agent, without a userId), marked as such. Say no "
        "to leave them out.",
    )
    orders_of: OneOrMore[Name] | None = Field(
        default=None,
        description="Sources whose orders the messages are about, by the same numbers; default: those of the same "
        "id_namespace.",
    )


class Source(Definition):
    """Files or tracking messages, and how to understand them."""

    kind: Literal["source"] = "source"
    tracking: Tracking | None = Field(
        default=None,
        description="Take the messages of tracking clients ({} for all defaults); then there are no files.",
    )
    format: FileFormat | None = Field(
        default=None, description="Default: what the endings of the files' names tell, else csv."
    )
    files: dict[Name, InputSpec] = Field(
        default={},
        description="Name: path, or paths and form; or rows of a `database`, or a `table` of a warehouse.",
    )
    encoding: Encoding | None = Field(default=None, description="Default: told by the bytes.")
    delimiter: Delimiter | None = Field(default=None, description="Default: told by the lines.")
    header: bool = Field(default=True, description="Whether the first line names the columns.")
    nulls: tuple[str, ...] = Field(
        default=("", "NULL", "null", "NaN", "nan", "\\N", "N/A", "#N/A"),
        description="Texts that stand for a missing value.",
    )
    nobody: tuple[Annotated[str, Field(min_length=1, max_length=100)], ...] = Field(
        default=NOBODY,
        description="Ids that name nobody, as 0 or unknown, and beginnings of addresses that are nobody's, as noreply@: "
        "taken as missing. [] takes every id as it is.",
    )
    decimal: Literal[".", ","] | None = Field(
        default=None, description="Decimal mark; default: told by the numbers."
    )
    dates: tuple[Annotated[str, AfterValidator(_date_format)], ...] = Field(
        default=(), description="Forms of times, tried in turn; default: told by the values."
    )
    currency: Currency | None = Field(
        default=None, description="ISO 4217 code; default: the workspace's."
    )
    timezone: Zone | None = Field(
        default=None, description="IANA zone of times without an offset; default: the workspace's."
    )
    country: Country | None = Field(
        default=None,
        description="ISO country, to read telephone numbers; default: the workspace's.",
    )
    id_namespace: Name | None = Field(
        default=None,
        description="Customer ids of sources with the same namespace (or none) mean the same person.",
    )
    consent: Consent | None = Field(
        default=None, description="Default: none; people can be tried out, not contacted."
    )
    data: DataKind | None = Field(
        default=None,
        description="Which of the seven kinds of data its traits are, as external; default: by their names.",
    )
    trait_data: dict[FieldName, DataKind] = Field(
        default={}, description="Trait: its kind of data, where that differs."
    )
    schedule: SourceSchedule | None = Field(
        default=None,
        description="When workers collect it: hourly, daily, a cron expression, or {every: daily, at: '06:30'}.",
    )
    folder: Annotated[str, Field(min_length=1, max_length=1000)] | None = Field(
        default=None,
        description="Folder of the files where nobody names one, as for workers; from the workspace on.",
    )
    freshness: Freshness | None = Field(
        default=None, description="How old it may be, as 26h; else an alert is raised."
    )
    volume: Volume | None = Field(
        default=None, description="How many rows a load should have; else an alert is raised."
    )
    columns_changed: Literal["warn", "refuse", "ignore"] = Field(
        default="warn",
        description="What happens where the files have other columns than before: an alert, nothing is taken, nothing.",
    )
    limits: Limits = Field(default_factory=Limits)
    entities: tuple[Entity, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _no_consent(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("consent") == "none":
            return {**data, "consent": None}
        return data

    def references(self) -> Iterator[Reference]:
        """The surveys of its answers."""
        for number, entity in enumerate(self.entities):
            if isinstance(entity, AnswersEntity):
                yield f"entities[{number}].survey", "survey", entity.survey

    @model_validator(mode="after")
    def _files_or_tracking(self) -> Source:
        if self.tracking is not None and (self.files or self.entities):
            raise ValueError(
                "a source takes tracking messages or files, not both; write two sources"
            )
        if self.tracking is None and not (self.files and self.entities):
            raise ValueError(
                "a source needs `files` and `entities`, or `tracking: {}` for the messages of tracking clients"
            )
        if self.tracking is not None and self.consent is not None:
            raise ValueError("consent of tracking messages is said by `tracking.consent`")
        return self

    @model_validator(mode="after")
    def _files_exist(self) -> Source:
        named = [
            (f"entities[{number}]", name)
            for number, entity in enumerate(self.entities)
            for name in [*([entity.from_] if entity.from_ else []), *(j.file for j in entity.join)]
        ]
        problems = [
            f"{path} names no file of `files`: '{name}'. {nearest(name, list(self.files))}"
            for path, name in named
            if name not in self.files
        ]
        problems += [
            f"entities[{number}] must say which file it is `from`: {', '.join(self.files)}"
            for number, entity in enumerate(self.entities)
            if entity.from_ is None and len(self.files) > 1
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @model_validator(mode="after")
    def _columns_named(self) -> Source:
        lacking = [
            name
            for name, file in self.files.items()
            if isinstance(file, FileSpec)
            and not file.columns
            and file.format_in(self.format) in ("csv", "tsv", "text", "excel")
            and not (self.header if file.header is None else file.header)
        ]
        if lacking:
            raise ValueError(
                f"files without a header need the names of their columns (`columns`): {', '.join(lacking)}"
            )
        return self

    @model_validator(mode="after")
    def _consent_fits(self) -> Source:
        kinds = {entity.entity for entity in self.entities}
        if self.consent is not None and self.consent.opt_in and "customers" not in kinds:
            raise ValueError(
                "consent.opt_in reads columns of customers, which are not collected here"
            )
        if self.consent is not None and self.consent.soft_opt_in and "orders" not in kinds:
            raise ValueError("consent.soft_opt_in is of buyers, but no orders are collected here")
        return self

    def file_of(self, entity: Entity) -> str:
        """The name of the file that an entity's rows come from."""
        return entity.from_ or next(iter(self.files))

    def part_of(self, entity: Entity) -> str:
        """Which of the source's entities of this kind it is: empty where there is one, else its file's name, with a number
        where several of the kind come from one file."""
        same = [one for one in self.entities if one.entity == entity.entity]
        if len(same) < 2:
            return ""
        file = self.file_of(entity)
        of_file = [one for one in same if self.file_of(one) == file]
        number = next((n for n, one in enumerate(of_file, start=1) if one is entity), 1)
        return f"{file} {number}" if len(of_file) > 1 else file

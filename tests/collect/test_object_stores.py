"""Objects of an S3-compatible store come in once: found by pattern, fetched once, refused in words."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Literal

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake
from moto.server import ThreadedMotoServer

from aimwell.collect import collect, remote, table_places
from aimwell.definitions.kinds.source import Source
from aimwell.errors import DefinitionError, PrivacyError, SourceAwayError, SourceFileError
from aimwell.privacy.secrets import keep_secret
from collecting import COLUMNS, NOW, Shop, source_of

GOOD = f"{COLUMNS}\n%s,2026-01-05 10:00,ann,mug,2,4.50\n"


class Bucket:
    """A bucket, and the source that reads it."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
        self.client.create_bucket(Bucket="shop")

    def put(self, name: str, text: str | bytes) -> None:
        self.client.put_object(Bucket="shop", Key=name, Body=text)

    def names(self, prefix: str = "") -> list[str]:
        found = self.client.list_objects_v2(Bucket="shop", Prefix=prefix).get("Contents", [])
        return [one["Key"] for one in found]

    def source(self, path: str, **storage: object) -> Source:
        reach = {"endpoint": self.endpoint, "region": "us-east-1", **storage}
        return source_of(files={"rows": {"path": path, "storage": reach}})

    def table(
        self, path: str, storage: Mapping[str, object] | None = None, **more: object
    ) -> Source:
        reach = {"endpoint": self.endpoint, "region": "us-east-1", **(storage or {})}
        return source_of(files={"rows": {"table": path, "storage": reach, **more}})


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """An S3 server on this machine."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """An empty bucket; the keys are in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "geheim")
    found = Bucket(endpoint)
    yield found
    for name in found.names():
        found.client.delete_object(Bucket="shop", Key=name)
    found.client.delete_bucket(Bucket="shop")


def orders(shop: Shop) -> list[str]:
    return [row[0] for row in shop.rows("order_lines", "order_id")]


def test_objects_are_found_by_pattern_and_fetched_once(
    shop: Shop, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put("2026/orders-1.csv.gz", gzip.compress((GOOD % 1).encode()))
    bucket.put("2026/orders-2.csv.gz", gzip.compress((GOOD % 2).encode()))
    bucket.put("2026/notes.txt", "hello")
    source = bucket.source("s3://shop/2026/orders-*.csv.gz")
    load = collect(shop.stores, source, root=shop.folder, now=NOW).loads[0]
    assert (load.rows_taken, orders(shop)) == (2, ["1", "2"])
    assert [file.name for file in load.files] == [
        "s3://shop/2026/orders-1.csv.gz",
        "s3://shop/2026/orders-2.csv.gz",
    ]
    fetched: list[str] = []
    real = remote.fetch_object
    monkeypatch.setattr(
        remote,
        "fetch_object",
        lambda system, name, *rest: fetched.append(name) or real(system, name, *rest),
    )
    assert collect(shop.stores, source, root=shop.folder, now=NOW).already_collected
    assert fetched == []  # its mark says that nothing changed
    bucket.put("2026/orders-2.csv.gz", gzip.compress((GOOD % 3).encode()))
    load = collect(shop.stores, source, root=shop.folder, now=NOW).loads[0]
    assert (load.rows_read, load.rows_taken, load.known) == (2, 1, 1)
    assert sorted(fetched) == ["shop/2026/orders-1.csv.gz", "shop/2026/orders-2.csv.gz"]
    assert list(shop.stores.folder("collecting").iterdir()) == []


def test_a_prefix_is_a_folder(shop: Shop, bucket: Bucket) -> None:
    bucket.put("exports/a.csv", GOOD % 1)
    bucket.put("exports/deep/b.csv", GOOD % 2)
    bucket.put("exports/_SUCCESS", "")
    collect(shop.stores, bucket.source("s3://shop/exports"), root=shop.folder, now=NOW)
    assert orders(shop) == ["1", "2"]


def test_keys_may_lie_in_the_workspace_and_are_never_in_the_document(
    shop: Shop, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put("a.csv", GOOD % 1)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(SourceFileError, match="There are no keys"):
        collect(shop.stores, bucket.source("s3://shop/a.csv"), root=shop.folder, now=NOW)
    stored = bucket.source(
        "s3://shop/a.csv", key={"stored": "s3-key"}, secret={"stored": "s3-secret"}
    )
    with pytest.raises(PrivacyError, match="no secret 's3-key'"):
        collect(shop.stores, stored, root=shop.folder, now=NOW)
    keep_secret(shop.stores, "s3-key", "key", now=NOW)
    keep_secret(shop.stores, "s3-secret", "geheim", now=NOW)
    collect(shop.stores, stored, root=shop.folder, now=NOW)
    assert orders(shop) == ["1"]
    assert "geheim" not in str(stored.document())


def test_what_is_not_there_or_cannot_be_reached_is_told(
    shop: Shop, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in ("s3://shop/absent.csv", "s3://nowhere/a.csv", "s3://shop/none-*.csv"):
        with pytest.raises(SourceFileError, match="There is no object"):
            collect(shop.stores, bucket.source(path), root=shop.folder, now=NOW)
    monkeypatch.setattr(remote, "_ATTEMPTS", 1)  # or it would try for seconds
    away = bucket.source("s3://shop/a.csv", endpoint="http://127.0.0.1:9")
    with pytest.raises(SourceAwayError, match="cannot be reached now") as told:
        collect(shop.stores, away, root=shop.folder, now=NOW)
    assert told.value.retryable
    bucket.put("empty.csv", "")
    with pytest.raises(SourceFileError, match="is empty"):
        collect(shop.stores, bucket.source("s3://shop/empty.csv"), root=shop.folder, now=NOW)
    assert orders(shop) == []


def test_a_store_that_goes_away_half_way_leaves_nothing(
    shop: Shop, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        bucket.put(f"orders-{number}.csv", GOOD % number)
    source = bucket.source("s3://shop/orders-*.csv")
    real = remote.fetch_object

    def dying(system: object, name: str, address: str, target: object) -> object:
        if name.endswith("2.csv"):
            with remote.told(address):
                raise ConnectionResetError
        return real(system, name, address, target)  # type: ignore[arg-type]

    monkeypatch.setattr(remote, "fetch_object", dying)
    with pytest.raises(SourceAwayError):
        collect(shop.stores, source, root=shop.folder, now=NOW)
    monkeypatch.undo()
    assert orders(shop) == []
    assert list(shop.stores.folder("collecting").iterdir()) == []


def test_an_address_holds_no_login() -> None:
    for path in ("s3://key:secret@bucket/a.csv", "ftp://host/a.csv", "file:///etc/passwd"):
        with pytest.raises(DefinitionError):
            source_of(files={"rows": {"path": path}})
    with pytest.raises(DefinitionError, match="storage"):
        source_of(files={"rows": {"path": "a.csv", "storage": {"region": "x"}}})


def delta(bucket: Bucket, *numbers: int, mode: Literal["append", "overwrite"] = "append") -> None:
    """Orders of these numbers, written to a Delta table of the bucket by the library itself."""
    options = {
        "AWS_ENDPOINT_URL": bucket.endpoint,
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
    }
    options |= {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "geheim"}
    rows = orders_of(*numbers)
    write_deltalake("s3://shop/wh/orders", rows, mode=mode, storage_options=options)


def orders_of(*numbers: int) -> pa.Table:
    made = [dict(zip(COLUMNS.split(","), line, strict=True)) for line in map(_order, numbers)]
    return pa.Table.from_pylist(made)


def _order(number: int) -> list[object]:
    return [str(number), datetime(2026, 1, 5, 10, tzinfo=UTC), "ann", "mug", 2, 4.5]


def test_a_delta_table_of_a_bucket_gives_only_what_came(
    shop: Shop, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []
    real = table_places.fetch_object
    monkeypatch.setattr(
        table_places,
        "fetch_object",
        lambda system, name, *rest: fetched.append(name) or real(system, name, *rest),
    )
    source = bucket.table("s3://shop/wh/orders")
    delta(bucket, 1, 2)
    load = collect(shop.stores, source, root=shop.folder, now=NOW).loads[0]
    assert (load.rows_read, load.rows_taken) == (2, 2)
    assert load.files[0].name.startswith("s3://shop/wh/orders/part-")
    assert collect(shop.stores, source, root=shop.folder, now=NOW).already_collected
    assert len(fetched) == 1
    delta(bucket, 3)
    load = collect(shop.stores, source, root=shop.folder, now=NOW).loads[0]
    assert (load.rows_read, load.rows_taken, len(fetched)) == (1, 1, 2)
    delta(bucket, 3, 4, mode="overwrite")
    load = collect(shop.stores, source, root=shop.folder, now=NOW).loads[0]
    assert (load.rows_read, load.rows_taken, load.known) == (2, 1, 1)
    old = bucket.table("s3://shop/wh/orders", version=0)
    assert collect(shop.stores, old, root=shop.folder, now=NOW, from_start=True).already_collected
    with pytest.raises(SourceFileError, match="of version 9 cannot be opened"):
        collect(
            shop.stores, bucket.table("s3://shop/wh/orders", version=9), root=shop.folder, now=NOW
        )
    assert orders(shop) == ["1", "2", "3", "4"]
    assert list(shop.stores.folder("collecting").iterdir()) == []


def test_parquet_files_of_a_bucket_are_a_table_with_the_keys_of_the_workspace(
    shop: Shop, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part, numbers in (("month=1", (1, 2)), ("month=2", (3,))):
        file = pa.BufferOutputStream()
        pq.write_table(orders_of(*numbers), file)
        bucket.put(f"wh/plain/{part}/data.parquet", file.getvalue().to_pybytes())
    bucket.put("wh/plain/_temporary/half.parquet", b"PAR1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    keep_secret(shop.stores, "s3-key", "key", now=NOW)
    keep_secret(shop.stores, "s3-secret", "geheim", now=NOW)
    keys = {"key": {"stored": "s3-key"}, "secret": {"stored": "s3-secret"}}
    source = bucket.table("s3://shop/wh/plain/", storage=keys)
    load = collect(shop.stores, source, root=shop.folder, now=NOW).loads[0]
    assert (load.rows_taken, orders(shop)) == (3, ["1", "2", "3"])
    assert [file.name for file in load.files] == [
        "s3://shop/wh/plain/month=1/data.parquet",
        "s3://shop/wh/plain/month=2/data.parquet",
    ]
    assert collect(shop.stores, source, root=shop.folder, now=NOW).already_collected
    assert "geheim" not in str(source.document())


def test_a_table_of_a_bucket_that_is_absent_damaged_or_out_of_reach_is_told(
    shop: Shop, bucket: Bucket
) -> None:
    def told(kind: type[Exception], words: str, path: str, **more: object) -> None:
        with pytest.raises(kind, match=words):
            collect(shop.stores, bucket.table(path, **more), root=shop.folder, now=NOW)

    told(SourceFileError, "There is no object 's3://shop/wh/none'", "s3://shop/wh/none")
    bucket.put("wh/empty/notes.txt", "hello")
    told(SourceFileError, "neither a Delta table nor", "s3://shop/wh/empty")
    bucket.put("wh/half/a.parquet", b"PAR1 and so on")
    told(SourceFileError, "is not a whole Parquet file", "s3://shop/wh/half")
    bucket.put(f"wh/bad/_delta_log/{0:020}.json", "no json")
    told(SourceFileError, "its log is damaged", "s3://shop/wh/bad")
    away = {"endpoint": "http://127.0.0.1:9"}
    told(SourceAwayError, "cannot be reached now", "s3://shop/wh/orders", storage=away)
    delta(bucket, 1)
    [data] = [name for name in bucket.names("wh/orders/") if name.endswith(".parquet")]
    bucket.client.delete_object(Bucket="shop", Key=data)
    told(SourceFileError, "is gone; it was cleaned away", "s3://shop/wh/orders")
    assert orders(shop) == []
    with pytest.raises(DefinitionError, match="storage"):
        source_of(files={"rows": {"table": "wh/orders", "storage": {"region": "x"}}})

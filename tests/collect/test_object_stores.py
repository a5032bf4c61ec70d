"""Objects of an S3-compatible store come in once: found by pattern, fetched once, refused in words."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import boto3
import pytest
from moto.server import ThreadedMotoServer

from aimwell.collect import collect, remote
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

    def source(self, path: str, **storage: object) -> Source:
        reach = {"endpoint": self.endpoint, "region": "us-east-1", **storage}
        return source_of(files={"rows": {"path": path, "storage": reach}})


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
    listed = found.client.list_objects_v2(Bucket="shop").get("Contents", [])
    for one in listed:
        found.client.delete_object(Bucket="shop", Key=one["Key"])
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
    real = remote._fetch
    monkeypatch.setattr(
        remote,
        "_fetch",
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


def test_what_is_not_there_or_cannot_be_reached_is_told(shop: Shop, bucket: Bucket) -> None:
    for path in ("s3://shop/absent.csv", "s3://nowhere/a.csv", "s3://shop/none-*.csv"):
        with pytest.raises(SourceFileError, match="There is no object"):
            collect(shop.stores, bucket.source(path), root=shop.folder, now=NOW)
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
    real = remote._fetch

    def dying(system: object, name: str, address: str, target: object) -> object:
        if name.endswith("2.csv"):
            with remote._told(address):
                raise ConnectionResetError
        return real(system, name, address, target)  # type: ignore[arg-type]

    monkeypatch.setattr(remote, "_fetch", dying)
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

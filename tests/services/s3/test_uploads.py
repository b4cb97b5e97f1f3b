"""Uploads: parts that come, are replaced, and become an object. On both engines."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tests.conftest import OpenStore
from tests.services.s3.nouns import due_work, ledger, references
from wakeful import limits
from wakeful.services.s3 import checksums, content, uploads
from wakeful.services.s3.checksums import Checksum
from wakeful.services.s3.errors import (
    EntityTooSmall,
    InvalidArgument,
    InvalidPart,
    InvalidPartOrder,
    InvalidRequest,
    NoSuchUpload,
)
from wakeful.services.s3.ranges import Extent, Span
from wakeful.services.s3.receiving import Received
from wakeful.services.s3.settings import Settings
from wakeful.services.s3.uploads import Upload
from wakeful.store.blobs import Blob
from wakeful.store.tx import Store
from wakeful.wire.errors import AwsError

LARGE = limits.S3_PART_BYTES_MIN
CRC = "AAAAAAAAAAA="


def tag(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def part(name: str, size: int = LARGE, checksum: str = CRC) -> Received:
    return Received(Blob(name, size, tag(name)), Checksum(checksums.DEFAULT, checksum), None)


async def begun(store: Store, algorithm: str | None = None, kind: str | None = None) -> Upload:
    upload = await store.write(uploads.begin, "shelf", "k", Settings(), "arn", algorithm, kind)
    return await store.read(uploads.find, "shelf", "k", upload)


async def test_parts_in_any_order_become_one_content_in_the_order_of_their_numbers(open_store: OpenStore) -> None:
    async with ledger(open_store) as (store, _):
        upload = await begun(store)
        for number, name in ((7, "c"), (1, "a"), (3, "b")):
            await store.write(uploads.put_part, upload, number, part(name, LARGE + number))
        listed = [{"PartNumber": number, "ETag": f'"{tag(name)}"'} for number, name in ((1, "a"), (3, "b"), (7, "c"))]
        whole = await store.write(uploads.complete, upload, listed)
        expected = hashlib.md5(b"".join(bytes.fromhex(tag(name)) for name in "abc")).hexdigest()
        assert (whole.etag, whole.size, whole.parts) == (f"{expected}-3", 3 * LARGE + 11, 3)
        assert await store.read(references) == {"a": 1, "b": 1, "c": 1}
        with pytest.raises(NoSuchUpload):
            await store.read(uploads.find, "shelf", "k", upload.id)
        edge = LARGE + 1
        where = await store.read(content.places, whole, Span(edge - 2, edge + 3))
        assert where == [Extent("a", edge - 2, edge), Extent("b", 0, 3)]
        last = await store.read(content.part, whole, 3)
        assert (last["number"], last["start"]) == (7, 2 * LARGE + 4)


async def test_a_part_that_comes_again_takes_the_place_of_the_first(open_store: OpenStore) -> None:
    async with ledger(open_store) as (store, _):
        upload = await begun(store)
        await store.write(uploads.put_part, upload, 1, part("a"))
        await store.write(uploads.put_part, upload, 1, part("b"))
        assert await store.read(references) == {"b": 1}


async def test_parts_that_are_not_listed_are_let_go(open_store: OpenStore) -> None:
    async with ledger(open_store) as (store, _):
        upload = await begun(store)
        for number, name in ((1, "a"), (2, "b")):
            await store.write(uploads.put_part, upload, number, part(name))
        whole = await store.write(uploads.complete, upload, [{"PartNumber": 2, "ETag": tag("b")}])
        assert (whole.size, whole.parts) == (LARGE, 1)
        assert await store.read(references) == {"b": 1}
        assert await store.read(content.places, whole, Span(0, LARGE)) == [Extent("b", 0, LARGE)]


async def test_a_dropped_upload_takes_no_more_parts_and_its_own_will_go(open_store: OpenStore) -> None:
    async with ledger(open_store) as (store, _):
        upload = await begun(store)
        await store.write(uploads.put_part, upload, 1, part("a"))
        await store.write(uploads.drop, upload)
        with pytest.raises(NoSuchUpload):
            await store.write(uploads.put_part, upload, 2, part("b"))
        assert await store.read(references) == {"a": 1}
        assert await store.read(due_work) == [f"s3.discard {upload.id}"]


@pytest.mark.parametrize(
    ("listed", "error"),
    [
        ([(2, "b"), (1, "a")], InvalidPartOrder),
        ([(1, "a"), (1, "a")], InvalidPartOrder),
        ([(1, "b")], InvalidPart),
        ([(1, "a"), (4, "d")], InvalidPart),
        ([(1, "a"), (3, "small"), (5, "e")], EntityTooSmall),
    ],
)
async def test_a_list_of_parts_that_cannot_be_leaves_the_upload_as_it_is(
    open_store: OpenStore, listed: list[tuple[int, str]], error: type[AwsError]
) -> None:
    async with ledger(open_store) as (store, _):
        upload = await begun(store)
        for number, name, size in ((1, "a", LARGE), (2, "b", LARGE), (3, "small", 9), (5, "e", LARGE)):
            await store.write(uploads.put_part, upload, number, part(name, size))
        wanted = [{"PartNumber": number, "ETag": tag(name)} for number, name in listed]
        with pytest.raises(error):
            await store.write(uploads.complete, upload, wanted)
        assert (await store.read(uploads.find, "shelf", "k", upload.id)) == upload


async def test_the_parts_of_a_composite_checksum_must_be_stated_when_it_is_completed(open_store: OpenStore) -> None:
    async with ledger(open_store) as (store, _):
        upload = await begun(store, "CRC32", "COMPOSITE")
        await store.write(uploads.put_part, upload, 1, part("a", checksum="AAAAAA=="))
        listed: dict[str, Any] = {"PartNumber": 1, "ETag": tag("a")}
        with pytest.raises(InvalidRequest, match="It was missing for part 1"):
            await store.write(uploads.complete, upload, [listed])
        with pytest.raises(InvalidPart):
            await store.write(uploads.complete, upload, [{**listed, "ChecksumCRC32": "BBBBBB=="}])
        whole = await store.write(uploads.complete, upload, [{**listed, "ChecksumCRC32": "AAAAAA=="}])
        assert whole.checksum.value.endswith("-1")


async def test_an_upload_without_an_algorithm_gets_s3s_own_and_takes_no_statement(open_store: OpenStore) -> None:
    async with ledger(open_store) as (store, _):
        upload = await begun(store)
        await store.write(uploads.put_part, upload, 1, part("a"))
        stated = [{"PartNumber": 1, "ETag": tag("a"), "ChecksumCRC64NVME": CRC}]
        with pytest.raises(InvalidPart):
            await store.write(uploads.complete, upload, stated)
        whole = await store.write(uploads.complete, upload, [{"PartNumber": 1, "ETag": tag("a")}])
        assert whole.checksum == Checksum("CRC64NVME", CRC, "FULL_OBJECT")


@pytest.mark.parametrize("number", [0, -1, 10_001])
def test_a_part_has_a_number_from_one_to_ten_thousand(number: int) -> None:
    with pytest.raises(InvalidArgument, match="between 1 and 10000"):
        uploads.check_number(number)


async def test_an_upload_of_another_key_is_not_found(open_store: OpenStore) -> None:
    async with ledger(open_store) as (store, _):
        upload = await begun(store)
        with pytest.raises(NoSuchUpload):
            await store.read(uploads.find, "shelf", "other", upload.id)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_ten_thousand_parts_are_completed_in_a_moment(open_store: OpenStore) -> None:
    async with ledger(open_store) as (store, _):
        upload = await begun(store)

        def put_all(tx: Any) -> None:
            for number in range(1, limits.S3_PART_NUMBER_MAX + 1):
                uploads.put_part(tx, upload, number, part(f"{number:05}"))

        await store.write(put_all)
        names = (f"{number:05}" for number in range(1, limits.S3_PART_NUMBER_MAX + 1))
        listed = [{"PartNumber": int(name), "ETag": tag(name)} for name in names]
        whole = await store.write(uploads.complete, upload, listed)
        assert whole.size == LARGE * limits.S3_PART_NUMBER_MAX
        middle = await store.read(content.places, whole, Span(LARGE * 5000, LARGE * 5001))
        assert middle == [Extent("05001", 0, LARGE)]

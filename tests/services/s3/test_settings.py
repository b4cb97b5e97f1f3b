"""What may be said of an object beside its bytes."""

from __future__ import annotations

from typing import Any

import pytest

from wakeful.services.s3 import settings
from wakeful.services.s3.errors import InvalidArgument, InvalidRequest, MetadataTooLarge
from wakeful.services.s3.settings import Settings
from wakeful.wire.errors import AwsError


def test_what_is_not_said_is_what_s3_takes_for_granted() -> None:
    found = settings.of_request({"Bucket": "b", "Key": "k", "CacheControl": ""})
    assert found == Settings(headers={"ContentType": "binary/octet-stream"})
    assert found.shown == {"ContentType": "binary/octet-stream", "Metadata": {}, "ServerSideEncryption": "AES256"}


def test_settings_come_back_out_of_their_columns() -> None:
    said = Settings({"ContentType": "text/x", "Expires": "soon"}, {"ü": "é"}, "GLACIER_IR", {"a": "1"})
    names = ("storage_class", "headers", "metadata", "tags")
    assert settings.settings_of(dict(zip(names, said.columns, strict=True))) == said
    assert (said.shown["StorageClass"], said.shown["TagCount"], said.shown["Expires"]) == ("GLACIER_IR", 1, "soon")


def test_metadata_is_counted_in_bytes_of_names_and_values() -> None:
    assert settings.of_request({"Metadata": {"k": "ü" * 1023 + "x"}}).metadata
    with pytest.raises(MetadataTooLarge) as refused:
        settings.of_request({"Metadata": {"k": "ü" * 1024}})
    assert refused.value.members == {"Size": 2049, "MaxSizeAllowed": 2048}


@pytest.mark.parametrize(
    "request_",
    [
        {"ACL": "authenticated-read"},
        {"GrantFullControl": "id=1"},
        {"ObjectLockMode": "GOVERNANCE"},
        {"StorageClass": "GLACIER"},
        {"StorageClass": "OUTPOSTS"},
        {"ServerSideEncryption": "aws:kms:dsse"},
        {"SSEKMSKeyId": "key"},
        {"BucketKeyEnabled": True},
        {"SSECustomerKey": "key"},
        {"WriteOffsetBytes": 1},
        {"WebsiteRedirectLocation": "ftp://x"},
    ],
)
def test_what_cannot_be_is_refused_and_never_ignored(request_: dict[str, Any]) -> None:
    with pytest.raises(AwsError):
        settings.check(request_)


def test_an_object_without_a_key_is_not_read_with_one() -> None:
    with pytest.raises(InvalidRequest, match="not applicable"):
        settings.check_read({"SSECustomerKey": "key"})


def test_there_is_no_version_but_the_one_called_null() -> None:
    settings.check_version({})
    settings.check_version({"VersionId": "null"})
    with pytest.raises(InvalidArgument):
        settings.check_version({"VersionId": "1"})

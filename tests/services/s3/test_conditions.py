"""Conditional requests: every combination, and which of two conditions counts."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from wakeful.services.s3 import conditions
from wakeful.services.s3.errors import (
    ConditionalRequestConflict,
    HeaderNotImplemented,
    NoSuchKey,
    NotModified,
    PreconditionFailed,
)
from wakeful.wire.errors import AwsError


class There(NamedTuple):
    etag: str = "abc"
    modified: float = 1000.7


EARLIER, SAME, LATER = 999, 1000, 1001


@pytest.mark.parametrize(
    ("request_", "failed"),
    [
        ({"IfMatch": '"abc"'}, None),
        ({"IfMatch": "abc"}, None),
        ({"IfMatch": '"x", "abc"'}, None),
        ({"IfMatch": "*"}, None),
        ({"IfMatch": '"x"'}, "If-Match"),
        ({"IfMatch": '"abc"', "IfUnmodifiedSince": EARLIER}, None),
        ({"IfUnmodifiedSince": EARLIER}, "If-Unmodified-Since"),
        ({"IfUnmodifiedSince": SAME}, None),
        ({"IfNoneMatch": '"x"'}, None),
        ({"IfNoneMatch": '"x"', "IfModifiedSince": LATER}, None),
        ({"IfModifiedSince": EARLIER}, None),
    ],
)
def test_a_read_is_refused_by_the_condition_that_fails(request_: dict[str, Any], failed: str | None) -> None:
    if failed is None:
        conditions.check_read(request_, There())
    else:
        with pytest.raises(PreconditionFailed) as refused:
            conditions.check_read(request_, There())
        assert refused.value.members == {"Condition": failed}


@pytest.mark.parametrize(
    "request_",
    [{"IfNoneMatch": "abc"}, {"IfNoneMatch": 'W/"abc"'}, {"IfNoneMatch": "*"}, {"IfModifiedSince": SAME}],
)
def test_what_is_not_new_is_not_sent_again_and_the_answer_names_its_tag(request_: dict[str, Any]) -> None:
    with pytest.raises(NotModified) as told:
        conditions.check_read(request_, There())
    assert told.value.headers == {"etag": '"abc"', "last-modified": "Thu, 01 Jan 1970 00:16:40 GMT"}


@pytest.mark.parametrize(
    ("request_", "failed"),
    [
        ({"CopySourceIfMatch": "x"}, "x-amz-copy-source-If-Match"),
        ({"CopySourceIfNoneMatch": "abc"}, "x-amz-copy-source-If-None-Match"),
        ({"CopySourceIfModifiedSince": SAME}, "x-amz-copy-source-If-Modified-Since"),
        ({"CopySourceIfUnmodifiedSince": EARLIER}, "x-amz-copy-source-If-Unmodified-Since"),
    ],
)
def test_a_copy_is_refused_where_a_read_would_be_spared(request_: dict[str, Any], failed: str) -> None:
    with pytest.raises(PreconditionFailed) as refused:
        conditions.check_source(request_, There())
    assert refused.value.members == {"Condition": failed}


@pytest.mark.parametrize(
    ("request_", "found", "is_overtaken", "error"),
    [
        ({}, There(), True, None),
        ({"IfNoneMatch": "*"}, None, False, None),
        ({"IfNoneMatch": "*"}, There(), False, PreconditionFailed),
        ({"IfNoneMatch": "*"}, There(), True, PreconditionFailed),
        ({"IfNoneMatch": "*"}, None, True, ConditionalRequestConflict),
        ({"IfNoneMatch": '"abc"'}, None, False, HeaderNotImplemented),
        ({"IfMatch": '"abc"'}, There(), False, None),
        ({"IfMatch": '"abc"'}, There(), True, ConditionalRequestConflict),
        ({"IfMatch": '"x"'}, There(), True, PreconditionFailed),
        ({"IfMatch": '"abc"'}, None, False, NoSuchKey),
        ({"IfMatch": "*"}, There(), False, HeaderNotImplemented),
        ({"IfMatch": '"abc"', "IfNoneMatch": "*"}, There(), False, HeaderNotImplemented),
    ],
)
def test_a_write_happens_only_on_its_conditions(
    request_: dict[str, Any], found: There | None, is_overtaken: bool, error: type[AwsError] | None
) -> None:
    if error is None:
        conditions.check_write(request_, "key", found, is_overtaken=is_overtaken)
    else:
        with pytest.raises(error):
            conditions.check_write(request_, "key", found, is_overtaken=is_overtaken)


@pytest.mark.parametrize(
    ("etag", "found", "error"),
    [
        (None, None, None),
        ("*", There(), None),
        ('"abc"', There(), None),
        ('"x"', There(), PreconditionFailed),
        ("*", None, NoSuchKey),
    ],
)
def test_a_deletion_happens_only_on_its_condition(
    etag: str | None, found: There | None, error: type[AwsError] | None
) -> None:
    if error is None:
        conditions.check_delete(etag, "key", found)
    else:
        with pytest.raises(error):
            conditions.check_delete(etag, "key", found)

"""XML, also of the hostile kind."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.test_codec import target_of
from tests.wire.test_round_trip import CATALOGUE, REQUEST_ID
from wakeful import limits
from wakeful.wire import codec, xml_codec
from wakeful.wire.errors import MalformedXML
from wakeful.wire.message import HttpRequest


def read(name: str, body: bytes) -> dict[str, Any]:
    operation = CATALOGUE.operation("s3", name)
    assert operation is not None
    labels = {"Bucket": "b", "Key": "k"} if "Key" in operation.model.http["requestUri"] else {"Bucket": "b"}
    request = codec.read(target_of(operation, labels, {}, {}), HttpRequest("PUT", "/", "", {}, body))
    return {name: value for name, value in request.items() if name not in labels}


def answer(name: str, value: dict[str, Any]) -> str:
    operation = CATALOGUE.operation("s3", name)
    assert operation is not None
    response = codec.write(target_of(operation, {}, {}, {}), value, REQUEST_ID, HttpRequest("GET", "/", "", {}))
    assert response.headers["content-type"] == "application/xml"
    return response.body.decode().removeprefix(xml_codec.DECLARATION)


TAGGING = b"<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>"
TAGS = {"Tagging": {"TagSet": [{"Key": "k", "Value": "v"}]}}


@pytest.mark.parametrize(
    "body",
    [
        TAGGING,
        TAGGING.replace(b"<Tagging>", b'<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'),
        TAGGING.replace(b"<", b"<s:").replace(b"<s:/", b"</s:").replace(b"<s:Tagging>", b'<s:Tagging xmlns:s="urn:x">'),
        b'<?xml version="1.0" encoding="UTF-8"?>\n' + TAGGING,
        b"\xef\xbb\xbf" + TAGGING,
        TAGGING.replace(b"<TagSet>", b"<!-- a comment -->\n  <Unknown><Key>x</Key></Unknown><TagSet>\n"),
        TAGGING.replace(b"v", b"<![CDATA[v]]>"),
    ],
)
def test_namespaces_comments_and_unknown_elements_do_not_matter(body: bytes) -> None:
    assert read("PutBucketTagging", body) == TAGS


LAUGHS = b"""<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>"""


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"<Tagging>",
        b"<Tagging></Tagging><Tagging></Tagging>",
        b"<Other></Other>",
        LAUGHS + TAGGING,
        LAUGHS + TAGGING.replace(b"v", b"&b;"),
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd">' + TAGGING,
        b'<?xml version="1.0"?><!DOCTYPE Tagging>' + TAGGING,
        TAGGING.replace(b"v", b"&undefined;"),
        TAGGING.replace(b"v", b"\xff"),
        TAGGING.replace(b"v", b"\x00"),
        TAGGING.decode().encode("utf-16"),
        ('<?xml version="1.0" encoding="UTF-16"?>' + LAUGHS.decode() + TAGGING.decode()).encode("utf-16"),
        b"<Tagging>" + b"<a/>" * limits.XML_TAGS_MAX + b"</Tagging>",
    ],
)
def test_what_is_not_well_formed_or_wants_more_is_malformed(body: bytes) -> None:
    if not body:
        assert read("PutBucketTagging", body) == {}
        return
    with pytest.raises(MalformedXML):
        read("PutBucketTagging", body)


def test_deep_nesting_does_no_harm() -> None:
    assert read("PutBucketTagging", b"<Tagging>" + b"<a>" * 100_000 + b"</a>" * 100_000 + b"</Tagging>") == {
        "Tagging": {}
    }


@pytest.mark.parametrize(
    ("element", "is_valid"),
    [
        (b"<Days> 5 </Days>", True),
        (b"<Days>five</Days>", False),
        (b"<Days></Days>", False),
        (b"<Days>5.0</Days>", False),
    ],
)
def test_a_number_must_be_one(element: bytes, is_valid: bool) -> None:
    body = b"<LifecycleConfiguration><Rule><Expiration>%s</Expiration></Rule></LifecycleConfiguration>" % element
    if is_valid:
        assert read("PutBucketLifecycleConfiguration", body)["LifecycleConfiguration"]["Rules"][0]["Expiration"] == {
            "Days": 5
        }
    else:
        with pytest.raises(MalformedXML):
            read("PutBucketLifecycleConfiguration", body)


def test_points_in_time_and_booleans_are_read() -> None:
    def rule(element: bytes) -> Any:
        body = b"<LifecycleConfiguration><Rule><Expiration>%s</Expiration></Rule></LifecycleConfiguration>" % element
        return read("PutBucketLifecycleConfiguration", body)["LifecycleConfiguration"]["Rules"][0]["Expiration"]

    assert rule(b"<Date>2023-11-14T22:13:20.5Z</Date>") == {"Date": 1700000000.5}
    assert rule(b"<ExpiredObjectDeleteMarker>True</ExpiredObjectDeleteMarker>") == {"ExpiredObjectDeleteMarker": True}
    for element in (b"<Date>soon</Date>", b"<ExpiredObjectDeleteMarker>yes</ExpiredObjectDeleteMarker>"):
        with pytest.raises(MalformedXML):
            rule(element)


def test_an_attribute_says_what_a_grantee_is() -> None:
    body = (
        b"<AccessControlPolicy><AccessControlList><Grant>"
        b'<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>1</ID></Grantee>'
        b"</Grant></AccessControlList></AccessControlPolicy>"
    )
    grants = read("PutBucketAcl", body)["AccessControlPolicy"]["Grants"]
    assert grants == [{"Grantee": {"ID": "1", "Type": "CanonicalUser"}}]
    assert answer("GetBucketAcl", {"Grants": grants}) == (
        '<AccessControlPolicy xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><AccessControlList><Grant>'
        '<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>1</ID></Grantee>'
        "</Grant></AccessControlList></AccessControlPolicy>"
    )


def test_roots_are_called_as_s3_calls_them() -> None:
    assert answer("ListBuckets", {"Buckets": []}).startswith("<ListAllMyBucketsResult xmlns=")
    assert (
        answer("ListObjectsV2", {})
        == '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></ListBucketResult>'
    )
    assert answer("CopyObject", {"CopyObjectResult": {"ETag": '"x"'}}).startswith("<CopyObjectResult xmlns=")


def test_a_buckets_location_is_the_roots_own_text() -> None:
    opening = '<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    assert (
        answer("GetBucketLocation", {"LocationConstraint": "eu-west-1"}) == f"{opening}eu-west-1</LocationConstraint>"
    )
    assert answer("GetBucketLocation", {}) == f"{opening}</LocationConstraint>"


def test_members_are_written_in_the_models_order_whatever_the_handlers() -> None:
    told = answer("ListObjectsV2", {"Name": "b", "IsTruncated": False, "Contents": [{"Size": 1, "Key": "k"}]})
    assert told.index("IsTruncated") < told.index("Contents") < told.index("<Name>")
    assert told.index("<Key>") < told.index("<Size>")


@given(st.text())
def test_any_text_survives_unless_xml_has_no_way_to_say_it(text: str) -> None:
    sayable = (
        all(character in "\t\n\r" or ord(character) >= 32 for character in text)
        and "\ufffe" not in text
        and "\uffff" not in text
    )
    written = answer("ListObjectsV2", {"Prefix": text})
    if sayable:
        assert fromstring(written).findtext("{*}Prefix") == text
    else:
        assert "\x00" not in written

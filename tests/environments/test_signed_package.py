"""Packages as AWS Signer signs them: read, and not believed where anything was changed."""

from __future__ import annotations

import base64
import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.functions import package
from tests.signer import JOB, PROFILE, Signer, changed, oid, sequence
from wakeful.environments import der, signed_package
from wakeful.environments.signed_package import FILE, Broken, fingerprint, read

NOW = 1_790_000_000.0
SIGNER = Signer(NOW)
PACKAGE = package(index__py="def handler(event, context):\n    return 'signed'\n", more__txt="more")
SIGNED = SIGNER.sign(PACKAGE)


def envelope(body: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return archive.read(FILE)


@pytest.mark.parametrize("is_indefinite", [False, True])
def test_a_signature_says_who_signed_until_when_and_who_vouches_for_them(is_indefinite: bool) -> None:
    signature = read(SIGNER.sign(PACKAGE, expires=NOW + 60, is_indefinite=is_indefinite))
    assert signature is not None
    assert (signature.profile, signature.job, signature.expires) == (PROFILE, JOB, NOW + 60)
    assert signature.root == fingerprint(SIGNER.root)
    pem = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(SIGNER.root) + b"-----END CERTIFICATE-----\n"
    assert fingerprint(pem) == signature.root


def test_a_package_without_a_signature_has_none() -> None:
    assert read(PACKAGE) is None


def test_how_it_is_compressed_does_not_matter() -> None:
    assert read(changed(SIGNED)) == read(SIGNED)


@pytest.mark.parametrize(
    "files", [{"index__py": b"evil"}, {"new__py": b"evil"}, {"more__txt": b"mor"}, {"META_INF/": b"e"}]
)
def test_a_package_that_was_changed_is_not_the_one_that_was_signed(files: dict[str, bytes]) -> None:
    with pytest.raises(Broken, match="not the one that was signed"):
        read(changed(SIGNED, **files))


def test_a_signature_of_another_package_is_none_of_this() -> None:
    other = SIGNER.sign(package(index__py="other"))
    with pytest.raises(Broken):
        read(changed(PACKAGE, **{FILE.replace(".", "__"): envelope(other)}))


def test_who_may_not_vouch_vouches_for_nobody() -> None:
    with pytest.raises(Broken, match="no authority"):
        read(Signer(NOW, is_authority=False).sign(PACKAGE))


def test_a_certificate_counts_while_it_is_valid() -> None:
    with pytest.raises(Broken, match="was not valid"):
        read(SIGNER.sign(PACKAGE, signed_at=NOW - 2 * 365 * 86_400))


def test_another_key_signs_nothing_in_the_name_of_this_one() -> None:
    forger = Signer(NOW)
    forger.leaf, forger.middle, forger.root = SIGNER.leaf, SIGNER.middle, SIGNER.root
    with pytest.raises(Broken, match="not true"):
        read(forger.sign(PACKAGE))


def test_entries_of_the_same_name_are_not_believed() -> None:
    packed = io.BytesIO(SIGNED)
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("index.py", "evil")
    with pytest.raises(Broken, match="same name"):
        read(packed.getvalue())


@examples(60)
@given(st.data())
def test_no_octet_of_a_signature_may_change(data: st.DataObject) -> None:
    whole = base64.b64decode(b"".join(envelope(SIGNED).splitlines()[1:-1]))
    place = data.draw(st.integers(0, len(whole) - 1))
    other = bytearray(whole)
    other[place] ^= data.draw(st.integers(1, 255))
    pem = b"-----BEGIN PKCS7-----\n" + base64.encodebytes(bytes(other)) + b"-----END PKCS7-----\n"
    try:
        found = read(changed(SIGNED, **{FILE.replace(".", "__"): pem}))
    except Broken:
        return
    assert found == read(SIGNED), "what is not signed says nothing"


@given(st.binary(max_size=200))
def test_whatever_is_no_value_is_refused(data: bytes) -> None:
    try:
        found = list(der.values(data))
    except der.Malformed:
        return
    assert b"".join(value.raw for value in found) == data


def test_values_do_not_lie_within_one_another_for_ever() -> None:
    with pytest.raises(der.Malformed, match="too deep"):
        list(der.values(b"\x30\x80" * 10_000))


def test_object_ids_are_read_in_dotted_form() -> None:
    assert der.value(bytes.fromhex("06092a864886f70d010702")).object_id == "1.2.840.113549.1.7.2"
    assert der.value(bytes.fromhex("0603883703")).object_id == "2.999.3"


def test_an_object_id_is_not_read_for_ever() -> None:
    with pytest.raises(der.Malformed, match="too long"):
        _ = der.value(der.wrapped(der.OBJECT_ID, b"\xff" * (1 << 20) + b"\x01")).object_id


def test_as_many_certificates_as_fit_are_not_followed() -> None:
    text = b"-----BEGIN PKCS7-----\n" + base64.encodebytes(many_certificates(20)) + b"-----END PKCS7-----\n"
    with pytest.raises(Broken, match="more certificates than lead to a root"):
        read(changed(SIGNED, **{FILE.replace(".", "__"): text}))


def many_certificates(count: int) -> bytes:
    """A signature that has so many."""
    signed = der.wrapped(der.INTEGER, b"\x01") + der.wrapped(0xA0, SIGNER.leaf * count) + der.wrapped(der.SET, b"")
    kind = oid("1.2.840.113549.1.7.2")
    return sequence(kind, der.wrapped(0xA0, sequence(signed)))


def test_awss_root_is_the_one_that_it_publishes() -> None:
    assert len(bytes.fromhex(signed_package.AWS_ROOT)) == 32

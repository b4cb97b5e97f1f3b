"""Deployment packages that are hostile, broken or odd, and the folders they become."""

from __future__ import annotations

import io
import os
import stat
import struct
import tracemalloc
import zipfile
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from pathlib import Path, PurePosixPath

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from wakeful.environments import signed_package
from wakeful.environments.packages import Packages, _is_tree
from wakeful.environments.version import BadPackage
from wakeful.store.blobs import Blobs

LINK = stat.S_IFLNK | 0o777
FILE = stat.S_IFREG | 0o644
DEVICE = stat.S_IFCHR | 0o666
SET_USER_ID = stat.S_IFREG | 0o4755

COULD_NOT_UNZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."

Entry = tuple[str, bytes | str, int]


def zipped(*entries: Entry, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of (name, content, mode of the file); its dates are the earliest that a zip can say."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content, mode in entries:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            archive.writestr(entry, content, compression)
    return packed.getvalue()


@pytest_asyncio.fixture
async def packages(tmp_path: Path) -> AsyncIterator[Packages]:
    blobs = Blobs(tmp_path / "blobs")
    yield Packages(tmp_path / "code", blobs, tmp_path / "roots")
    await blobs.close()


async def complaint(packages: Packages, body: bytes) -> str | None:
    """What is said against it; None where it can be unpacked."""
    try:
        await packages.unzipped_bytes(body)
    except BadPackage as error:
        return str(error)
    return None


async def unpacked(packages: Packages, body: bytes) -> Path:
    """What is uploaded, accepted and unpacked."""
    assert await complaint(packages, body) is None
    blob = await packages._blobs.save(body)
    return await packages.unpacked(blob.key)


@pytest.mark.parametrize(
    "names",
    [("out", "out/file"), ("out", "./out//file"), ("a/out", "a/out/b/file"), ("out", "out/folder/")],
)
@pytest.mark.parametrize("mode", [LINK, FILE])
async def test_nothing_is_written_through_a_link(
    packages: Packages, tmp_path: Path, names: tuple[str, str], mode: int
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("the host's")
    link, below = names
    body = zipped((link, str(outside), LINK), (below, "the tenant's", mode))
    assert await complaint(packages, body) == COULD_NOT_UNZIP


async def test_a_folder_that_says_it_is_a_link_is_a_folder(packages: Packages, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    body = zipped(("out/", str(outside), LINK), ("out/file", "the tenant's", LINK))
    folder = await unpacked(packages, body)
    assert (folder / "out").is_dir()
    assert not (folder / "out").is_symlink()
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("name", ["../up", "a/../../up", "/etc/up", "..", ".", "a\\b", "a" * 256, "a/" * 2000 + "b"])
async def test_what_has_no_place_in_the_folder_is_refused(packages: Packages, name: str) -> None:
    assert await complaint(packages, zipped(("index.py", "", FILE), (name, "x", FILE))) == COULD_NOT_UNZIP


@pytest.mark.parametrize("target", [b"", b"a\0b", b"a" * 5000])
async def test_a_link_that_cannot_be_made_is_refused(packages: Packages, target: bytes) -> None:
    assert await complaint(packages, zipped(("link", target, LINK))) == COULD_NOT_UNZIP


async def test_links_stay_links_wherever_they_lead(packages: Packages) -> None:
    body = zipped(
        ("lib/a.so.1", "x", FILE), ("lib/a.so", "a.so.1", LINK), ("tmp", "/tmp", LINK), ("odd", b"\xff", LINK)
    )
    folder = await unpacked(packages, body)
    assert (folder / "lib/a.so").read_text() == "x"
    assert str((folder / "tmp").readlink()) == "/tmp"
    assert os.fsencode((folder / "odd").readlink()) == b"\xff"


async def test_devices_and_set_user_id_bits_become_ordinary_files(packages: Packages) -> None:
    folder = await unpacked(packages, zipped(("device", "x", DEVICE), ("root", "x", SET_USER_ID)))
    assert stat.S_ISREG((folder / "device").lstat().st_mode)
    assert stat.S_IMODE((folder / "root").lstat().st_mode) == 0o755


async def test_an_entry_without_a_name_is_refused(packages: Packages) -> None:
    body = zipped(("x", "", FILE)).replace(b"x", b"\0")
    assert await complaint(packages, body) == COULD_NOT_UNZIP


@pytest.mark.slow
async def test_a_bomb_is_not_unpacked(packages: Packages) -> None:
    body = zipped(*((f"{number}", bytes(64 << 20), FILE) for number in range(4)))
    assert len(body) < 1 << 20
    assert await complaint(packages, body) == "Unzipped size must be smaller than 262144000 bytes"


def lying(body: bytes, says: int, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """The zip of one entry that says that it is of another size and packed in another way."""
    changed = bytearray(body)
    for magic, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        place = changed.index(magic) + offset
        struct.pack_into("<H", changed, place, method)
        struct.pack_into("<I", changed, place + 14, says)
    return bytes(changed)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: zipped(("a", bytes(99), FILE), compression=zipfile.ZIP_BZIP2), id="bzip2"),
        pytest.param(lambda: zipped(("a", bytes(99), FILE), compression=zipfile.ZIP_LZMA), id="lzma"),
        pytest.param(lambda: lying(zipped(("a", bytes(99), FILE)), 10), id="file"),
        pytest.param(lambda: lying(zipped(("a", bytes(64 << 20), LINK)), 10), id="link"),
        pytest.param(lambda: lying(zipped((signed_package.FILE, bytes(64 << 20), FILE)), 10), id="signature"),
    ],
)
async def test_a_package_that_lies_of_its_size_is_refused_with_little_memory(
    packages: Packages, make: Callable[[], bytes]
) -> None:
    body = make()
    tracemalloc.start()
    try:
        assert await complaint(packages, body) == COULD_NOT_UNZIP
        with pytest.raises(zipfile.BadZipFile) if signed_package.FILE.encode() in body else nullcontext():
            signed_package.read(body)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


async def test_a_few_entries_cannot_ask_for_millions_of_folders(packages: Packages) -> None:
    body = zipped(*((f"{number}/" + "a/" * 1800 + "b", "", FILE) for number in range(150)))
    assert await complaint(packages, body) == "A package has at most 262144 files and folders"


async def test_a_directory_of_millions_of_entries_is_not_read(packages: Packages) -> None:
    body = zipped(("a", "", FILE))
    directory = body[body.index(b"PK\x01\x02") : body.index(b"PK\x05\x06")]
    assert await complaint(packages, body.replace(directory, directory * 262_145)) == (
        "A package has at most 262144 files and folders"
    )


@given(names=st.lists(st.text("ab./", min_size=1, max_size=6), min_size=1, max_size=5))
def test_a_tree_is_what_has_nothing_below_a_file(names: list[str]) -> None:
    entries = [zipfile.ZipInfo(name) for name in names]
    leaves = {PurePosixPath(each.filename) for each in entries if not each.is_dir()}
    folders = {PurePosixPath(each.filename) for each in entries if each.is_dir()}
    above = {parent for path in leaves | folders for parent in path.parents}
    if not any(PurePosixPath(name).is_absolute() for name in names):
        assert _is_tree(entries) == (leaves.isdisjoint(folders | above) and PurePosixPath() not in leaves)


async def test_an_entry_without_a_date_is_unpacked(packages: Packages) -> None:
    body = bytearray(zipped(("index.py", "x", FILE)))
    for magic, offset in ((b"PK\x03\x04", 10), (b"PK\x01\x02", 12)):
        place = body.index(magic) + offset
        body[place : place + 4] = bytes(4)  # time and date, as Go's archive/zip leaves them
    assert (await unpacked(packages, bytes(body)) / "index.py").read_text() == "x"


@examples(100, keeps_fixtures=True)
@given(
    compression=st.sampled_from((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)),
    changes=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=4),
    kept=st.floats(0.5, 1),
)
async def test_whatever_is_uploaded_is_refused_or_unpacked(
    packages: Packages, compression: int, changes: list[tuple[float, int]], kept: float
) -> None:
    body = bytearray(zipped(("a.py", "a" * 99, FILE), ("b/c", "c", FILE), ("l", "a.py", LINK), compression=compression))
    for place, value in changes:
        body[int(place * len(body))] = value
    damaged = bytes(body[: int(kept * len(body))])
    if await complaint(packages, damaged) is None:
        assert (await unpacked(packages, damaged)).is_dir()

"""A function's folder as a package and as changes."""

from __future__ import annotations

import base64
import io
import os
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from wakeful import limits
from wakeful.cli import source as sources
from wakeful.cli.source import NoPackage, Source


def source_of(folder: Path, **files: str) -> Source:
    for name, text in files.items():
        write(folder / name.replace("__", "."), text)
    return Source(folder)


def write(path: Path, text: str) -> Path:
    """A file that was written a while ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (1e9, 1e9))
    return path


def names(package: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        return archive.namelist()


def text(told: dict[str, Any], name: str) -> str:
    return base64.b64decode(told[name]["content"]).decode()


def test_a_package_has_the_files_and_none_that_are_ignored(tmp_path: Path) -> None:
    source = source_of(tmp_path, app__py="x", __wakefulignore="notes\n", notes="private")
    write(tmp_path / "lib" / "__pycache__" / "x.pyc", "")
    write(tmp_path / "lib" / "x.py", "y")
    assert names(Source(tmp_path).package()) == ["app.py", "lib/x.py"]
    assert source.package() == source.package()


def test_programs_stay_programs_and_links_links(tmp_path: Path) -> None:
    source = source_of(tmp_path, bootstrap="#!/bin/sh\n")
    (tmp_path / "bootstrap").chmod(0o700)
    (tmp_path / "bin").symlink_to("bootstrap")
    with zipfile.ZipFile(io.BytesIO(source.package())) as archive:
        modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
    assert modes == {"bootstrap": 0o100755, "bin": 0o120777}


def test_what_a_link_leads_to_outside_is_taken_as_the_functions_own(tmp_path: Path) -> None:
    write(tmp_path / "shared" / "part.py", "1")
    source = source_of(tmp_path / "f", app__py="x")
    (tmp_path / "f" / "shared").symlink_to(tmp_path / "shared")
    (tmp_path / "shared" / "back").symlink_to(tmp_path / "shared")  # and in a circle
    assert names(source.package()) == ["app.py", "shared/part.py"]


def test_changes_are_what_is_other_than_before(tmp_path: Path) -> None:
    source = source_of(tmp_path, app__py="1", same__py="2", gone__py="3")
    source.package()
    write(tmp_path / "app.py", "10")
    write(tmp_path / "same.py", "2")
    (tmp_path / "gone.py").unlink()
    write(tmp_path / "new" / "deep.py", "4")
    touched = [str(tmp_path / name) for name in ("app.py", "same.py", "gone.py", "new")]
    told = source.changes(touched)
    assert sorted(told) == ["app.py", "gone.py", "new/deep.py"]
    assert (text(told, "app.py"), told["gone.py"], text(told, "new/deep.py")) == ("10", None, "4")
    assert source.is_changed
    assert source.changes(touched) == {}


def test_a_folder_that_goes_takes_its_files_along(tmp_path: Path) -> None:
    source = source_of(tmp_path, app__py="1")
    write(tmp_path / "lib" / "a.py", "1")
    write(tmp_path / "lib" / "b.py", "1")
    source.package()
    (tmp_path / "lib").rename(tmp_path / "libs")
    told = source.changes([str(tmp_path / "lib"), str(tmp_path / "libs")])
    assert {name: file is None for name, file in told.items()} == {
        "lib/a.py": True,
        "lib/b.py": True,
        "libs/a.py": False,
        "libs/b.py": False,
    }


def test_a_mode_is_a_change(tmp_path: Path) -> None:
    source = source_of(tmp_path, bootstrap="#!/bin/sh\n")
    source.package()
    (tmp_path / "bootstrap").chmod(0o755)
    assert source.changes([str(tmp_path / "bootstrap")])["bootstrap"]["executable"] is True


def test_what_is_ignored_or_elsewhere_is_no_change(tmp_path: Path) -> None:
    source = source_of(tmp_path / "f", app__py="1")
    source.package()
    ignored = write(tmp_path / "f" / ".git" / "index", "x")
    other = write(tmp_path / "other", "x")
    assert source.changes([str(ignored), str(other)]) == {}
    assert source.is_ignored(".git/index") and not source.is_ignored("app.py")


def test_a_file_is_taken_when_nobody_writes_to_it_any_more(tmp_path: Path) -> None:
    source = source_of(tmp_path, app__py="old")
    source.package()
    path = tmp_path / "app.py"
    with path.open("w") as file:  # empty from here on

        def finish() -> None:
            file.write("whole")
            file.flush()

        later = threading.Timer(0.01, finish)
        later.start()
        told = source.changes([str(path)])
        later.join()
    assert text(told, "app.py") == "whole"


def test_a_file_that_stays_empty_is_empty(tmp_path: Path) -> None:
    source = source_of(tmp_path, app__py="old")
    source.package()
    (tmp_path / "app.py").write_text("")
    began = time.monotonic()
    assert text(source.changes([str(tmp_path / "app.py")]), "app.py") == ""
    assert time.monotonic() - began >= sources._EMPTY_S / 2


def test_a_folder_that_is_too_large_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = source_of(tmp_path, app__py="x" * 2000)
    monkeypatch.setattr(limits, "LAMBDA_UNZIPPED_BYTES_MAX", 1000)
    with pytest.raises(NoPackage, match=r"2,000 bytes; a function may have 1,000"):
        source.package()


def test_what_would_be_too_large_as_it_is_is_compressed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = source_of(tmp_path, app__py="x" * 2000)
    monkeypatch.setattr(limits, "LAMBDA_UPLOAD_BYTES_MAX", 1000)
    assert len(source.package()) < 1000
    write(tmp_path / "noise", os.urandom(1000).hex())
    with pytest.raises(NoPackage, match="when it is zipped"):
        source.package()

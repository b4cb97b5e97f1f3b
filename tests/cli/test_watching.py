"""Batches of what was saved, against the kernel that tells of it."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from wakeful.cli import watching
from wakeful.cli.watching import Watcher


class Watched:
    """A folder, and what was told of it, below it."""

    def __init__(self, root: Path, watcher: Watcher, over: threading.Event) -> None:
        self.root = root
        self._saves = watcher.saves(over)

    def told(self) -> set[str] | None:
        """The next batch; waits for it."""
        batch = next(self._saves)
        return None if batch is None else {os.path.relpath(each, self.root) for each in batch}

    def until(self, *paths: str) -> set[str]:
        """Everything told until all of these were."""
        found: set[str] = set()
        while not found.issuperset(paths):
            found |= self.told() or set()
        return found


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """What begins with `not` is ignored."""
    root = tmp_path / "f"
    (root / "lib").mkdir(parents=True)
    (root / "not-this").mkdir()
    watcher = Watcher(root, lambda path: path.startswith("not"))
    over = threading.Event()
    found = Watched(root, watcher, over)
    assert found.told() == {"."}  # whatever was saved before
    yield found
    over.set()
    watcher.close()


def test_a_file_is_told_when_it_is_closed(watched: Watched) -> None:
    (watched.root / "lib" / "part.py").write_text("1")
    assert watched.told() == {"lib/part.py"}


def test_a_file_that_is_written_to_is_waited_for(watched: Watched) -> None:
    def write_slowly() -> None:
        with (watched.root / "a.py").open("w") as opened:
            for _ in range(10):
                opened.write("x")
                opened.flush()
                time.sleep(0.005)

    writer = threading.Thread(target=write_slowly)
    writer.start()
    assert watched.told() == {"a.py"}
    assert (watched.root / "a.py").read_text() == "x" * 10
    writer.join()


def test_a_file_that_stays_open_is_told_after_a_while(watched: Watched) -> None:
    with (watched.root / "open.log").open("w") as opened:
        opened.write("line")
        opened.flush()
        assert watched.told() == {"open.log"}


def test_a_rename_over_a_file_is_told_with_both_names(watched: Watched) -> None:
    (watched.root / "new").write_text("1")
    (watched.root / "new").replace(watched.root / "app.py")
    assert watched.until("app.py") == {"new", "app.py"}


def test_links_and_modes_and_removals_are_told(watched: Watched) -> None:
    file = watched.root / "bootstrap"
    file.write_text("1")
    watched.until("bootstrap")
    file.chmod(0o755)
    assert watched.told() == {"bootstrap"}
    (watched.root / "soft").symlink_to("bootstrap")
    assert watched.told() == {"soft"}
    os.link(file, watched.root / "hard")
    assert "hard" in watched.until("hard")
    file.unlink()
    assert "bootstrap" in watched.until("bootstrap")


def test_folders_that_come_are_watched_and_those_that_go_are_not(watched: Watched, tmp_path: Path) -> None:
    (watched.root / "deep" / "er").mkdir(parents=True)
    watched.until("deep")
    (watched.root / "deep" / "er" / "a.py").write_text("1")
    watched.until("deep/er/a.py")
    (watched.root / "deep").rename(tmp_path / "away")
    assert watched.told() == {"deep"}
    (tmp_path / "away" / "er" / "a.py").write_text("2")
    (watched.root / "b.py").write_text("1")
    assert watched.told() == {"b.py"}


def test_what_is_ignored_is_not_told(watched: Watched) -> None:
    (watched.root / "not-this" / "a.py").write_text("1")
    (watched.root / "nothing").write_text("1")
    (watched.root / "b.py").write_text("1")
    assert watched.told() == {"b.py"}


def test_a_folder_that_is_removed_and_made_again_is_watched_again(watched: Watched) -> None:
    shutil.rmtree(watched.root)
    while watched.told() is not None:
        pass
    watched.root.mkdir()
    watched.until(".")
    (watched.root / "app.py").write_text("1")
    watched.until("app.py")


@pytest.mark.slow
def test_many_files_that_are_saved_together_come_together(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_MANY_QUIET_S", 1.0)  # longer than this machine makes anybody wait
    monkeypatch.setattr(watching, "_TOGETHER_S", 30.0)
    first, *others = ([f"{each}-{part}.py" for each in range(20)] for part in range(4))
    write(watched.root, first)

    def switch() -> None:
        for names in others:
            time.sleep(0.01)
            write(watched.root, names)

    writer = threading.Thread(target=switch)
    writer.start()
    assert watched.told() == {*first, *(name for names in others for name in names)}
    writer.join()


def write(root: Path, names: list[str]) -> None:
    for each in names:
        (root / each).write_text("1")

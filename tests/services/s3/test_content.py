"""What objects consist of on disk: nothing is lost that is named, and nothing stays that is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.running_node import RunningNode, running_node
from tests.services.s3.conftest import BUCKET, body, in_parts, refused
from tests.services.s3.nouns import due_work, references
from wakeful import limits

LARGE = limits.S3_PART_BYTES_MIN


def files(data_dir: Path) -> int:
    """How many blobs lie on disk, named or not."""
    return sum(1 for path in (data_dir / "blobs").rglob("*") if path.is_file())


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def node(data_dir: Path) -> Iterator[RunningNode]:
    """A node of the test's own, whose blobs can be counted."""
    with running_node(data_dir) as started:
        yield started


def test_the_same_bytes_are_kept_once_and_counted_for_each_name(node: RunningNode, s3: Any, data_dir: Path) -> None:
    for key in ("a", "b"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"same")
    s3.copy_object(Bucket=BUCKET, Key="c", CopySource=f"{BUCKET}/a")
    assert list(node.run(node.node.store.read(references)).values()) == [3]
    assert files(data_dir) == 1


def test_what_no_object_names_any_more_is_swept_after_its_grace_time(
    node: RunningNode, s3: Any, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"first")
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"second")
    in_parts(s3, "b", [LARGE, 5])
    s3.delete_object(Bucket=BUCKET, Key="b")
    node.settle()
    assert len(node.run(node.node.store.read(references))) == 1
    assert files(data_dir) == 4
    monkeypatch.setattr(limits, "BLOB_GRACE_S", -1.0)  # files are as old as they are, whatever the node's clock says
    node.advance(2 * 3600)
    assert files(data_dir) == 1
    assert body(s3.get_object(Bucket=BUCKET, Key="a")) == b"second"


def test_a_refused_upload_leaves_nothing_that_is_not_going_to_be_swept(node: RunningNode, s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"x")
    with refused("PreconditionFailed"):
        s3.put_object(Bucket=BUCKET, Key="a", Body=b"refused", IfNoneMatch="*")
    assert len(node.run(node.node.store.read(references))) == 1
    (swept,) = (name for name in node.run(node.node.store.read(due_work)) if name.startswith("blob.sweep"))
    assert swept


def test_parts_that_were_to_be_let_go_are_let_go_after_a_restart(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "S3_DISCARD_BATCH", 1)
    with running_node(data_dir) as node:
        s3 = node.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        upload = s3.create_multipart_upload(Bucket=BUCKET, Key="k")["UploadId"]
        for number in range(1, 6):
            s3.upload_part(Bucket=BUCKET, Key="k", UploadId=upload, PartNumber=number, Body=b"x" * number)
        s3.abort_multipart_upload(Bucket=BUCKET, Key="k", UploadId=upload)
    with running_node(data_dir) as node:
        node.settle()
        assert node.run(node.node.store.read(references)) == {}

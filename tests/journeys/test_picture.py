"""The main job: a picture is uploaded, two functions wake, and somebody is told; with every right enforced."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.running_node import RunningNode, running_node

EXAMPLE = Path(__file__).parents[2] / "examples" / "photographs"
sys.path.insert(0, str(EXAMPLE))

import demo  # noqa: E402 - the example's own modules
import scene  # noqa: E402


def picture() -> bytes:
    body = io.BytesIO()
    Image.effect_noise((640, 480), 60).convert("RGB").save(body, "JPEG")
    return body.getvalue()


def receive(node: RunningNode, made: scene.Scene) -> dict[str, Any]:
    (message,) = node.client("sqs").receive_message(QueueUrl=made.queue_url, WaitTimeSeconds=20)["Messages"]
    told: dict[str, Any] = json.loads(message["Body"])
    return told


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["node", "python"])
def test_an_uploaded_picture_becomes_a_thumbnail_and_a_message(tmp_path: Path, runtime: str) -> None:
    node_runtime = demo.find_node() if runtime == "node" else None
    if runtime == "node" and node_runtime is None:
        pytest.skip("NO NODE.JS HERE: the story was told with Python functions only")
    with running_node(tmp_path / "data", isolation="auto", iam="enforce", rehearse=False) as node:
        made = scene.build(node.client, node_runtime)
        s3 = node.client("s3")
        uploaded = s3.put_object(Bucket=made.bucket, Key="incoming/a picture.jpg", Body=picture())

        told = receive(node, made)
        assert told["text"] == "incoming/a picture.jpg (640x480) has a thumbnail: thumbnails/a picture.jpg"
        thumbnail = s3.get_object(Bucket=made.bucket, Key=told["thumbnail"])
        assert Image.open(io.BytesIO(thumbnail["Body"].read())).size == (320, 240)
        assert thumbnail["ContentType"] == "image/jpeg"

        node.settle()
        root = node.run(node.node.telemetry.note_by_id(uploaded["ResponseMetadata"]["RequestId"]))
        notes = {note.id: note for note in node.run(node.node.telemetry.notes_of(root.trace))}
        assert all(note.cause in notes for note in notes.values() if note.id != root.id), "a cause is missing"
        runs = [note for note in notes.values() if note.kind == "run"]
        assert [(run.name, run.status, run.hops) for run in sorted(runs, key=lambda run: run.at)] == [
            ("thumbnail", "ok", 0),
            ("announce", "ok", 1),
        ]
        path = []
        step = next(note for note in notes.values() if note.resource.startswith("arn:aws:sqs"))
        while step is not None:
            path.append(step.name)
            step = notes.get(step.cause)
        assert path == [
            "Publish:thumbnails",
            "sns:Publish",
            "announce",
            "ThumbnailReady",
            "events:PutEvents",
            "thumbnail",
            "ObjectCreated:Put",
            "s3:PutObject",
        ]
        assert [note for note in notes.values() if note.kind == "denial"] == []


@pytest.mark.slow
def test_without_the_right_to_invoke_nothing_happens_and_the_upload_stands(tmp_path: Path) -> None:
    with running_node(tmp_path / "data", isolation="auto", iam="enforce", rehearse=False) as node:
        made = scene.build(node.client, None)
        node.client("lambda").remove_permission(FunctionName="thumbnail", StatementId="s3")
        s3 = node.client("s3")
        s3.put_object(Bucket=made.bucket, Key="incoming/x.jpg", Body=picture())
        node.settle()
        assert [each["Key"] for each in s3.list_objects_v2(Bucket=made.bucket)["Contents"]] == ["incoming/x.jpg"]
        events = node.run(node.node.telemetry.recent_notes(kind="event", limit=5))
        assert [note.status for note in events] == ["NO_PERMISSIONS"]


@pytest.mark.slow
def test_the_demo_runs_as_the_readme_says() -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLE / "demo.py")], capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "killed; nobody has been told" in done.stdout
    assert "incoming/again.jpg (4032x3024) has a thumbnail" in done.stdout
    assert "2 runs" in done.stdout
    folder = Path(done.stdout.rsplit("a copy: ", 1)[1].strip()).parent
    with Image.open(folder / "thumbnail.jpg") as thumbnail:
        assert thumbnail.size == (320, 240)
    shutil.rmtree(folder)

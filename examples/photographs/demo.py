"""`make demo`: a photograph is uploaded, functions wake, somebody is told; and a crash in the middle loses nothing."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import boto3
import scene
from botocore.config import Config

from wakeful.cli import timeline

PHOTOGRAPH = Path(__file__).parent / "lake.jpg"
NODE_RUNTIMES = {18: "nodejs18.x", 20: "nodejs20.x", 22: "nodejs22.x", 24: "nodejs24.x"}


class Demo:
    """One run: a node on a free port with a throw-away data directory, and what is done with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """The node answers; its own introduction is shown."""
        begun = time.monotonic()
        command = [sys.executable, "-m", "wakeful", "start", "--port", str(self.port), "--iam", "enforce"]
        log = (self.folder / "node.log").open("a")
        self.process = subprocess.Popen(
            [*command, "--data-dir", str(self.folder / "data")], stdout=subprocess.PIPE, stderr=log, text=True
        )
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        if not first:
            sys.exit(f"the node did not start:\n{(self.folder / 'node.log').read_text()}")
        print(f"    {first.rstrip()} after {(time.monotonic() - begun) * 1000:.0f} ms")

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 0}),
        )

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait()

    def upload(self, made: scene.Scene, key: str) -> str:
        """The request's id; the photograph is acknowledged, and on disk."""
        body = PHOTOGRAPH.read_bytes()
        begun = time.monotonic()
        answer = self.client("s3").put_object(Bucket=made.bucket, Key=key, Body=body, ContentType="image/jpeg")
        print(f"    {key}, {len(body) / 1e6:.1f} MB, acknowledged after {(time.monotonic() - begun) * 1000:.0f} ms")
        return str(answer["ResponseMetadata"]["RequestId"])

    def receive(self, made: scene.Scene, key: str) -> dict[str, Any]:
        """The message about that photograph, when it has come through both functions."""
        sqs = self.client("sqs")
        begun = time.monotonic()
        while time.monotonic() - begun < 60:
            for message in sqs.receive_message(QueueUrl=made.queue_url, WaitTimeSeconds=5).get("Messages", []):
                sqs.delete_message(QueueUrl=made.queue_url, ReceiptHandle=message["ReceiptHandle"])
                told: dict[str, Any] = json.loads(message["Body"])
                if told["text"].startswith(key):
                    print(f"    received after {(time.monotonic() - begun) * 1000:.0f} ms: {told['text']}")
                    return told
        sys.exit(f"nobody was told of {key}; see {self.folder / 'node.log'}")

    def story(self, request_id: str) -> str:
        """What the request set off, once both functions have ended."""
        begun = time.monotonic()
        while time.monotonic() - begun < 10:
            with urllib.request.urlopen(f"{self.endpoint}/_wakeful/traces/{request_id}", timeout=10) as response:
                told = json.load(response)
            if timeline.total(told["notes"]).runs == 2:
                break
            time.sleep(0.05)
        return timeline.text(told["trace"], told["notes"])


def run(demo: Demo) -> None:
    print("1. A node, and a scene of a bucket, two functions, a bus, a topic and a queue")
    demo.start()
    node_runtime = find_node()
    if node_runtime is None:
        print("    There is no Node.js on this host (or one too old); a Python function announces instead.")
    made = scene.build(demo.client, node_runtime)

    print("2. A photograph is uploaded")
    request_id = demo.upload(made, "incoming/lake.jpg")
    told = demo.receive(made, "incoming/lake.jpg")
    story = demo.story(request_id)

    print("3. Another one, and the node is killed (SIGKILL) while the functions are at it")
    demo.upload(made, "incoming/again.jpg")
    demo.kill()
    print("    killed; nobody has been told. Starting it again")
    demo.start()
    demo.receive(made, "incoming/again.jpg")

    print("4. What happened to the first one")
    print(_indented(story))
    thumbnail = demo.folder / "thumbnail.jpg"
    demo.client("s3").download_file(told["bucket"], told["thumbnail"], str(thumbnail))
    print(f"    The thumbnail is s3://{told['bucket']}/{told['thumbnail']}; a copy: {thumbnail}")


def find_node() -> str | None:
    """Lambda's name for the Node.js of this host, if it has one that we know."""
    found = shutil.which("node")
    if found is None:
        return None
    major = subprocess.run([found, "-p", "process.versions.node"], capture_output=True, text=True, check=True).stdout
    return NODE_RUNTIMES.get(int(major.partition(".")[0]))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--keep", action="store_true", help="leave the node running")
    keep = arguments.parse_args().keep
    folder = Path(tempfile.mkdtemp(prefix="wakeful-demo-"))
    demo = Demo(folder)
    try:
        run(demo)
    except BaseException:
        demo.stop()
        raise
    if keep:
        assert demo.process is not None
        print(f"\nThe node goes on (process {demo.process.pid}); its data is in {folder}.")
        print(f"export AWS_ENDPOINT_URL={demo.endpoint}")
        return
    demo.stop()
    shutil.rmtree(folder / "data")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


if __name__ == "__main__":
    main()

"""The same random operations on Wakeful and on AWS's own DynamoDB Local; and recordings of what the latter answers.

    python -m tools.differential SEED …            # both answer, and what differs is told
    python -m tools.differential --record SEED …   # what DynamoDB Local answers goes to tests/parity/recorded

A recording is never edited. `make bench` gets DynamoDB Local.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import sys
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import systems
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.parity.dynamodb_answers import Answer, comparable, is_to_be_compared
from tests.parity.dynamodb_operations import operations

RECORDED = Path(__file__).parents[1] / "tests" / "parity" / "recorded"
OPERATIONS = 1500
"""Of one seed."""


def ask(endpoint: str, operation: str, request: dict[str, Any]) -> Answer:
    """What the system answers to the request, which goes to it as it stands: no client looks at it before."""
    headers = {"X-Amz-Target": f"DynamoDB_20120810.{operation}", "Content-Type": "application/x-amz-json-1.0"}
    unsigned = AWSRequest("POST", f"{endpoint}/", data=json.dumps(request).encode(), headers=headers)
    SigV4Auth(Credentials("test", "test"), "dynamodb", "us-east-1").add_auth(unsigned)
    prepared = unsigned.prepare()
    sent = urllib.request.Request(prepared.url, prepared.body, dict(prepared.headers))
    try:
        with urllib.request.urlopen(sent, timeout=60) as answered:
            return Answer(answered.status, json.loads(answered.read()))
    except urllib.error.HTTPError as error:
        return Answer(error.code, json.loads(error.read() or b"{}"))


def record(seed: int) -> Path:
    """What DynamoDB Local answers to the seed's operations is in a file."""
    with systems.dynamodb_local() as local:
        lines = []
        for operation, request in operations(seed, OPERATIONS):
            answer = ask(local.endpoint, operation, request)
            lines.append(json.dumps([operation, request, answer.status, answer.body], ensure_ascii=False))
    RECORDED.mkdir(exist_ok=True)
    path = RECORDED / f"dynamodb-{seed}.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(lines).encode(), mtime=0))
    return path


def differences(seed: int) -> Iterator[str]:
    """What the two answer differently, each with the request."""
    with contextlib.ExitStack() as stack:
        local, ours = (stack.enter_context(start()) for start in (systems.dynamodb_local, systems.wakeful))
        for number, (operation, request) in enumerate(operations(seed, OPERATIONS)):
            theirs, answer = (ask(system.endpoint, operation, request) for system in (local, ours))
            expected, found = comparable(operation, theirs), comparable(operation, answer)
            if expected != found and is_to_be_compared(operation, request, theirs):
                asked = f"{number} {operation} {json.dumps(request, ensure_ascii=False)}"
                yield f"{asked}\n  DynamoDB Local: {expected}\n  Wakeful:        {found}"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--record", action="store_true")
    arguments.add_argument("seeds", nargs="+", type=int, metavar="SEED")
    said = arguments.parse_args()
    if said.record:
        for seed in said.seeds:
            print(record(seed))
        return
    counts: Counter[int] = Counter()
    for seed in said.seeds:
        for difference in differences(seed):
            counts[seed] += 1
            print(f"seed {seed}: {difference}", flush=True)
    print(f"{sum(counts.values())} of {OPERATIONS * len(said.seeds)} answers differ")
    sys.exit(bool(counts))


if __name__ == "__main__":
    main()

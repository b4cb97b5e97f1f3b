"""A runtime process for tests: speaks the cell's protocol, then calls the function that it is told to call.

Standard library only, and as little of it as can be: it runs inside the sandbox, without site-packages.
"""

from __future__ import annotations

import json
import os
import sys


def wait_for_assignment() -> None:
    os.write(3, b".")
    os.close(3)
    given = json.loads(sys.stdin.buffer.read())["variables"]
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.environ.clear()
    os.environ.update(given)
    os.chdir(given["LAMBDA_TASK_ROOT"])


def divide() -> None:
    """Returns in a cell that was forked from this process."""
    sys.path.insert(0, "/var/stem")
    from wakeful_runtime import stem  # type: ignore[import-not-found]

    stem.divide()


def main() -> None:
    if os.environ.pop("WAKEFUL_STEM", None):
        divide()
        wait_for_assignment()
    elif os.environ.get("WAKEFUL_CELL"):
        wait_for_assignment()
    if os.environ.get("COPY"):
        become_a_copy()
    module, function, arguments = json.loads(os.environ["CALL"])
    if not module:
        ask_for_next()
        return
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    answer = getattr(__import__(module), function)(**arguments)
    sys.stdout.write(json.dumps(answer))


def become_a_copy() -> None:
    """What comes after this is done by a process that was forked from this one, in a sandbox of its own."""
    ask_for_next()
    if os.fork():
        raise SystemExit("it was not copied")
    os.chdir(os.environ["LAMBDA_TASK_ROOT"])


def ask_for_next() -> None:
    """Connects to the Runtime API, asks, and waits for an answer that may never come."""
    import _socket  # the module above it takes longer to load than all the rest

    host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
    connection = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    connection.connect((host, int(port)))
    connection.send(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n")
    connection.recv(1)
    connection.close()


main()

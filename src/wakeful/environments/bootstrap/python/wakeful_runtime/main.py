"""From the start of the process to its end: wait to be assigned, load the handler, answer events."""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from typing import Any, NoReturn

from . import client as runtime_api
from . import handler as handlers
from . import json_codec, log, snapshot
from .context import Function, LambdaContext
from .faults import failure_of

_WARM_UP_ROUNDS = 20
_READY = 3
"""The descriptor on which a cell says that it waits."""


def run() -> NoReturn:
    """Runs the function until the process ends. A cell first warms up and waits for its function."""
    is_stem = os.environ.pop("WAKEFUL_STEM", None)
    if is_stem or os.environ.pop("WAKEFUL_CELL", None):
        _warm_up()
        if is_stem:
            _divide()
        os.write(_READY, b".")
        os.close(_READY)
        _take(_read_all(0))
    _set_up_interpreter()
    log.open_streams()
    log.set_up()
    if "WAKEFUL_DEBUGGER" in os.environ:
        from . import debugger

        debugger.listen(os.environ.pop("WAKEFUL_DEBUGGER"))
    count = os.environ.get("AWS_LAMBDA_MAX_CONCURRENCY")
    if count is None:
        work(runtime_api.connect(os.environ["AWS_LAMBDA_RUNTIME_API"]))
    from . import workers

    workers.run(int(count), work)


def work(client: runtime_api.Client) -> NoReturn:
    """Loads the handler and answers events with it, until the process ends."""
    try:
        handler = handlers.find(os.environ["_HANDLER"])
    except Exception as error:  # noqa: BLE001  whatever the function's module raised is told to the Runtime API
        failure = failure_of(error)
        log.error(failure.document(), failure.lines())
        client.fail_to_start(failure.kind, json_codec.write_document(failure.document()))
        sys.exit(1)
    client = snapshot.wait_to_be_restored(client)
    function = Function()
    while True:
        serve(client, function, handler)


def serve(client: runtime_api.Client, function: Function, handler: handlers.Handler) -> None:
    """One event has been answered. What is no Exception ends the process: Lambda calls that Runtime.ExitError."""
    headers, body = client.next_event()
    request_id = headers[b"Lambda-Runtime-Aws-Request-Id"]
    log.Running.request_id = request_id.decode()
    trace = headers.get(b"Lambda-Runtime-Trace-Id")
    if trace is not None:
        os.environ["_X_AMZN_TRACE_ID"] = trace.decode()
    elif "_X_AMZN_TRACE_ID" in os.environ:
        del os.environ["_X_AMZN_TRACE_ID"]
    try:
        context = LambdaContext(function, headers)
        log.Running.tenant_id = context.tenant_id
        answer, content_type = json_codec.answer(handler(json_codec.read(body), context))
    except Exception as error:  # noqa: BLE001  whatever the handler raised is the answer
        failure = failure_of(error, log.Running.request_id)
        log.error(failure.document(), failure.lines())
        client.fail(request_id, failure.kind, json_codec.write_document(failure.document()))
    else:
        client.respond(request_id, answer, content_type)


def _divide() -> None:
    """Returns in a cell that was forked from this process."""
    from . import stem

    gc.collect()
    gc.freeze()
    stem.divide()


def _take(assignment: bytes) -> None:
    """This process is now the given function's: its variables, its clock, nothing on stdin."""
    if not assignment:
        sys.exit(0)  # the cell was given up before it had a function
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.environ.clear()
    os.environ.update(json.loads(assignment)["variables"])
    time.tzset()


def _set_up_interpreter() -> None:
    """Module search path, builtins and working directory as a function finds them on Lambda."""
    import site

    site.setquit()
    site.sethelper()
    environment = os.environ
    task = environment.get("LAMBDA_TASK_ROOT", "/var/task")
    layers = environment.pop("WAKEFUL_LAYERS_ROOT", "/opt")
    library = os.__file__.rpartition("/")[0]
    # Not the interpreter's own packages: what happens to be installed here is not there on Lambda.
    stdlib = [path for path in sys.path if path.endswith(".zip") or path in (library, f"{library}/lib-dynload")]
    runtime = __file__.rpartition("/")[0].rpartition("/")[0]
    named = [path for path in environment.get("PYTHONPATH", "").split(":") if path]
    asked = environment.get("AWS_EXECUTION_ENV", "").removeprefix("AWS_Lambda_")
    # Where another version runs than was asked for, layers may have packages for either.
    versions = (f"python{sys.version_info[0]}.{sys.version_info[1]}", asked)
    site_packages = [f"{layers}/python/lib/{version}/site-packages" for version in versions]
    wanted = [task, *site_packages, f"{layers}/python", *named, runtime, *stdlib]
    sys.path[:] = list(dict.fromkeys(wanted))
    sys.argv[:] = [f"{runtime}/bootstrap.py"]
    sys.dont_write_bytecode = True  # /var/task and /opt are read-only
    os.chdir(task)
    if not sys.flags.isolated:
        site.execsitecustomize()  # how layers that instrument functions get in


def _warm_up() -> None:
    """Answers a few made-up events, so that the first real one finds everything loaded and specialised."""
    import _socket

    here, there = _socket.socketpair()
    client = runtime_api.Client(here, "127.0.0.1:9001")
    function = Function()
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: warm-up\r\n"
        b"Lambda-Runtime-Deadline-Ms: 0\r\nLambda-Runtime-Invoked-Function-Arn: arn\r\n"
        b'Lambda-Runtime-Trace-Id: Root=1\r\nContent-Length: 14\r\n\r\n{"text": "hi"}'
    )
    accepted = b'HTTP/1.1 202 Accepted\r\nContent-Length: 16\r\n\r\n{"status":"OK"}\n'
    for _ in range(_WARM_UP_ROUNDS):
        there.sendall(head + accepted)
        serve(client, function, _echo)
        there.recv(65_536)
    here.close()
    there.close()
    del os.environ["_X_AMZN_TRACE_ID"]
    log.Running.request_id = ""
    json_codec.forget_writer()
    import site  # noqa: F401  loaded now, used once the function is known

    gc.collect()
    gc.freeze()


def _echo(event: Any, context: LambdaContext) -> Any:
    context.get_remaining_time_in_millis()
    return event


def _read_all(descriptor: int) -> bytes:
    pieces: list[bytes] = []
    while True:
        data = os.read(descriptor, 65_536)
        if not data:
            return b"".join(pieces)
        pieces.append(data)

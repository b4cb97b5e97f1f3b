"""SnapStart: the function's hooks before it is parked and after it is restored."""

from __future__ import annotations

import gc
import os
import sys
from typing import Any

from . import client as runtime_api
from . import json_codec, log
from .faults import Failure, failure_of

_BEFORE_SNAPSHOT_FAILED = 64
_AFTER_RESTORE_FAILED = 65


def wait_to_be_restored(client: runtime_api.Client) -> runtime_api.Client:
    """INIT is over, and the first event may come. Returns at once where the function has no SnapStart.

    From here on the returned client counts: this may be a copy of the process that ran INIT.

    Whatever a hook raises, even what is no Exception, ends the process, as with Lambda's own runtime.
    """
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "snap-start":
        return client
    hooks: Any = sys.modules.get("snapshot_restore_py")  # a function that has hooks has imported it
    try:
        before = hooks.get_before_snapshot() if hooks else []
        while before:
            function, args, named = before.pop()
            function(*args, **named)
    except BaseException as error:  # noqa: BLE001
        client.fail_to_start("Runtime.BeforeSnapshotError", _told(error))
        sys.exit(_BEFORE_SNAPSHOT_FAILED)
    if client.restore_next():
        client = _fork(client)
    try:
        for function, args, named in hooks.get_after_restore() if hooks else []:
            function(*args, **named)
    except BaseException as error:  # noqa: BLE001
        client.fail_to_restore("Runtime.AfterRestoreError", _told(error))
        sys.exit(_AFTER_RESTORE_FAILED)
    return client


def _fork(client: runtime_api.Client) -> runtime_api.Client:
    """In the child, an environment has been restored. Usually the parent never returns from its fork."""
    address = os.environ["AWS_LAMBDA_RUNTIME_API"]
    directory = os.getcwd()  # noqa: PTH109  pathlib takes long to load
    client.close()
    gc.collect()
    gc.freeze()  # what is there now is shared, and no collection shall touch it
    pid = os.fork()
    if pid:  # it was not copied after all
        os.waitpid(pid, 0)
        gc.unfreeze()
        client = runtime_api.connect(address)
        client.restore_next()
        return client
    os.chdir(directory)
    random: Any = sys.modules.get("numpy.random")
    if random is not None:
        random.seed()  # as Python does with its own
    return runtime_api.connect(address)


def _told(error: BaseException) -> bytes:
    failure: Failure = failure_of(error)
    log.error(failure.document(), failure.lines())
    return json_codec.write_document(failure.document())

"""SnapStart: the function's hooks before it is parked and after it is restored."""

from __future__ import annotations

import os
import sys
from typing import Any

from . import client as runtime_api
from . import json_codec, log
from .faults import Failure, failure_of

_BEFORE_SNAPSHOT_FAILED = 64
_AFTER_RESTORE_FAILED = 65


def wait_to_be_restored(client: runtime_api.Client) -> None:
    """INIT is over, and the first event may come. Returns at once where the function has no SnapStart.

    Whatever a hook raises, even what is no Exception, ends the process, as with Lambda's own runtime.
    """
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "snap-start":
        return
    hooks: Any = sys.modules.get("snapshot_restore_py")  # a function that has hooks has imported it
    try:
        before = hooks.get_before_snapshot() if hooks else []
        while before:
            function, args, named = before.pop()
            function(*args, **named)
    except BaseException as error:  # noqa: BLE001
        client.fail_to_start("Runtime.BeforeSnapshotError", _told(error))
        sys.exit(_BEFORE_SNAPSHOT_FAILED)
    client.restore_next()
    try:
        for function, args, named in hooks.get_after_restore() if hooks else []:
            function(*args, **named)
    except BaseException as error:  # noqa: BLE001
        client.fail_to_restore("Runtime.AfterRestoreError", _told(error))
        sys.exit(_AFTER_RESTORE_FAILED)


def _told(error: BaseException) -> bytes:
    failure: Failure = failure_of(error)
    log.error(failure.document(), failure.lines())
    return json_codec.write_document(failure.document())

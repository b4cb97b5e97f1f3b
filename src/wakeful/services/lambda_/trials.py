"""Code that is tried on past events of a function, in the function's place: its configuration, layers, role and name.

Nobody but who tries it comes to run it, and no operation shows it: environments get it as a revision of its own. It
goes when it is taken away, or some time after its last use: that is a row, so it goes too where whoever tried it was
killed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from wakeful import limits, names
from wakeful.environments.version import Version
from wakeful.fabric.service import Done, Node
from wakeful.services.lambda_ import functions, layers
from wakeful.services.lambda_.errors import InvalidParameterValueException, ResourceNotFoundException
from wakeful.services.lambda_.functions import Package
from wakeful.services.lambda_.references import Reference
from wakeful.store import blobs, work
from wakeful.store.tx import Tx

KIND = "lambda.trial"


@dataclass(frozen=True, slots=True)
class Trial:
    id: str
    function: str
    account: str
    code: str


def begin(tx: Tx, function: Reference, package: Package) -> Trial:
    """The code can be tried. Raises ResourceNotFoundException, or what Lambda says of a package that is too large."""
    tx.lock("lambda", f"trials {function.account}")
    row = functions.find(tx, function)
    layers.check_size(package.unzipped_bytes, row.package.layers_bytes)
    count = tx.one("SELECT count(*) AS trials FROM lambda_trials WHERE account = ?", function.account)
    if count is not None and count["trials"] >= limits.LAMBDA_TRIALS_MAX:
        raise InvalidParameterValueException(f"So much new code is being tried already: {limits.LAMBDA_TRIALS_MAX}.")
    trial = Trial(names.new_uuid(), function.arn, function.account, package.blob)
    tx.run(
        "INSERT INTO lambda_trials(id, function, account, code) VALUES (?, ?, ?, ?)",
        *(trial.id, trial.function, trial.account, trial.code),
    )
    blobs.keep(tx, trial.code)
    _end_later(tx, trial.id)
    return trial


def use(tx: Tx, trial_id: str, function: Reference) -> Trial:
    """The trial, which stays for another while. Raises ResourceNotFoundException where the function has none such."""
    trial = get(tx, trial_id)
    if trial is None or trial.function != function.arn:
        raise ResourceNotFoundException(f"There is no such trial of {function.arn}: {trial_id}")
    _end_later(tx, trial_id)
    return trial


def end(tx: Tx, trial_id: str) -> None:
    """It is gone, with its code."""
    tx.lock("lambda", f"trial {trial_id}")
    trial = get(tx, trial_id)
    if trial is None:
        return
    tx.run("DELETE FROM lambda_trials WHERE id = ?", trial_id)
    blobs.release(tx, trial.code)
    work.drop(tx, _name(trial_id))


def get(tx: Tx, trial_id: str) -> Trial | None:
    row = tx.one("SELECT id, function, account, code FROM lambda_trials WHERE id = ?", trial_id)
    return None if row is None else Trial(row["id"], row["function"], row["account"], row["code"])


async def end_due(node: Node, item: work.Item) -> Done:
    """The worker that takes away what nobody took away."""
    trial = await node.store.read(get, item.body["id"])
    if trial is not None:
        retire(node, trial)
    return Done(partial(end, trial_id=item.body["id"]))


def retire(node: Node, trial: Trial) -> None:
    """What runs of it ends with what it does."""
    node.environments.retire(trial.function, revision=trial.id)


async def version_with(node: Node, version: Version, trial: Trial) -> Version:
    """The version as it would be with this code. It starts on demand, takes one event at a time and is not debugged."""
    code = await node.packages.unpacked(trial.code)
    return replace(
        version, code=code, revision=trial.id, provisioned="", is_snap_start=False, sharing=None, debugger=None
    )


def _end_later(tx: Tx, trial_id: str) -> None:
    work.put(tx, KIND, {"id": trial_id}, due=tx.now + limits.LAMBDA_TRIAL_S, name=_name(trial_id))


def _name(trial_id: str) -> str:
    return f"{KIND} {trial_id}"

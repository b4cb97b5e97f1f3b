"""Code signing configurations: who may have signed what a function is made of, and what happens to what they have not.

"Using code signing to verify code integrity with Lambda": a package is looked at when it is deployed, and the layers
with it. Whose root certificate is trusted, AWS Signer's or one in the data directory's folder `signing-roots`, was
found out when the package came. What AWS Signer has revoked, nobody here knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import orjson

from wakeful import names
from wakeful.fabric.service import Call, Node
from wakeful.services.lambda_ import functions, measuring
from wakeful.services.lambda_.errors import (
    CodeSigningConfigNotFoundException,
    CodeVerificationFailedException,
    InvalidCodeSignatureException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from wakeful.services.lambda_.references import Reference
from wakeful.store.tx import Row, Tx

if TYPE_CHECKING:
    from wakeful.services.lambda_.layers import LayerVersion

P = ParamSpec("P")
T = TypeVar("T")

ENFORCE = "Enforce"

SHOWN = ("SigningProfileVersionArn", "SigningJobArn")
"""What a function's or a layer's configuration says of who signed it."""


@dataclass(frozen=True, slots=True)
class Config:
    """One code signing configuration. `config` is in the names of CodeSigningConfig."""

    arn: str
    config: Mapping[str, Any]
    modified: float

    @property
    def publishers(self) -> list[str]:
        return list(self.config["AllowedPublishers"]["SigningProfileVersionArns"])

    @property
    def is_enforced(self) -> bool:
        return bool(self.config["CodeSigningPolicies"]["UntrustedArtifactOnDeployment"] == ENFORCE)


# --- configurations --------------------------------------------------------------------------------------------------


def create(tx: Tx, call: Call, config: Mapping[str, Any], tags: Mapping[str, str]) -> Config:
    arn = call.arn("lambda", f"code-signing-config:csc-{names.new_token(9)[:17]}")
    tx.run(
        "INSERT INTO lambda_code_signing_configs(arn, account, region, config, modified, tags)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        *(arn, call.account, call.region, orjson.dumps(dict(config)), tx.now, orjson.dumps(dict(tags))),
    )
    return find(tx, arn)


def get(tx: Tx, arn: str) -> Config | None:
    row = tx.one("SELECT * FROM lambda_code_signing_configs WHERE arn = ?", arn)
    return None if row is None else _config(row)


def find(tx: Tx, arn: str) -> Config:
    found = get(tx, arn)
    if found is None:
        raise ResourceNotFoundException(_absent(arn))
    return found


def find_for_function(tx: Tx, arn: str) -> Config:
    """As `find`, with the error of those operations that are about a function."""
    found = get(tx, arn)
    if found is None:
        raise CodeSigningConfigNotFoundException(_absent(arn))
    return found


def listed(tx: Tx, account: str, region: str, after: str, limit: int) -> list[Config]:
    rows = tx.all(
        "SELECT * FROM lambda_code_signing_configs WHERE account = ? AND region = ? AND arn > ? ORDER BY arn LIMIT ?",
        *(account, region, after, limit),
    )
    return [_config(row) for row in rows]


def update(tx: Tx, arn: str, changes: Mapping[str, Any]) -> Config:
    """What is named is replaced; it counts from the next deployment on."""
    tx.lock("lambda", arn)
    config = {**find(tx, arn).config, **changes}
    tx.run(
        "UPDATE lambda_code_signing_configs SET config = ?, modified = ? WHERE arn = ?",
        *(orjson.dumps(config), tx.now, arn),
    )
    return find(tx, arn)


def delete(tx: Tx, arn: str) -> None:
    tx.lock("lambda", arn)
    find(tx, arn)
    if used_by(tx, arn, "", 1):
        raise ResourceConflictException(
            f"The code signing configuration cannot be deleted because it is in use by a function: {arn}."
        )
    tx.run("DELETE FROM lambda_code_signing_configs WHERE arn = ?", arn)


def _config(row: Row) -> Config:
    return Config(row["arn"], orjson.loads(row["config"]), row["modified"])


def _absent(arn: str) -> str:
    return (
        f"The code signing configuration cannot be found. Check that the provided configuration is not deleted: {arn}."
    )


# --- of functions ----------------------------------------------------------------------------------------------------


def of_function(tx: Tx, function: str) -> str | None:
    """The ARN of the function's configuration, by the function's ARN."""
    row = tx.one("SELECT config FROM lambda_code_signing_uses WHERE function = ?", function)
    return None if row is None else str(row["config"])


def used_by(tx: Tx, arn: str, after: str, limit: int) -> list[str]:
    """The ARNs of the functions that have the configuration, from behind one."""
    rows = tx.all(
        "SELECT function FROM lambda_code_signing_uses WHERE config = ? AND function > ? ORDER BY function LIMIT ?",
        *(arn, after, limit),
    )
    return [row["function"] for row in rows]


def use(tx: Tx, function: Reference, arn: str) -> None:
    """What is deployed to the function from now on is looked at."""
    tx.lock("lambda", arn)
    tx.lock("lambda", function.arn)
    find_for_function(tx, arn)
    tx.run(
        "INSERT INTO lambda_code_signing_uses(function, config) VALUES (?, ?) ON CONFLICT(function) DO UPDATE SET"
        " config = excluded.config",
        *(function.arn, arn),
    )


def drop(tx: Tx, function: Reference) -> None:
    tx.lock("lambda", function.arn)
    tx.run("DELETE FROM lambda_code_signing_uses WHERE function = ?", function.arn)


# --- deployments -----------------------------------------------------------------------------------------------------


def shown(seal: Mapping[str, Any]) -> dict[str, str]:
    """As configurations of functions and layers show who has signed them."""
    if not seal.get("is_trusted"):
        return {}
    return dict(zip(SHOWN, (seal["profile"], seal["job"]), strict=True))


def check(
    tx: Tx, function: Reference, arn: str, seal: Mapping[str, Any] | None, layers: Iterable[LayerVersion]
) -> None:
    """Raises what Lambda answers to a package (None: it is not deployed now) or layers that the configuration refuses.

    What it only warns of is counted.
    """
    config = find_for_function(tx, arn)
    deployed = {function.arn: seal} if seal is not None else {}
    doubtful = [
        name
        for name, found in {**deployed, **{each.arn: each.seal for each in layers}}.items()
        if not _is_sound(found, config, tx.now)
    ]
    if not doubtful:
        return
    if config.is_enforced:
        raise CodeVerificationFailedException(
            "Lambda cannot deploy the function. The function or layer might be signed using a signature that the client"
            f" is not configured to accept. Check the provided signature for {doubtful[0]}."
        )
    tx.note(measuring.unverified(function, tx.now))


def _is_sound(seal: Mapping[str, Any], config: Config, now: float) -> bool:
    if "broken" in seal:
        raise InvalidCodeSignatureException(
            f"The code signature failed the integrity check: {seal['broken']}. Lambda blocks the deployment."
        )
    return bool(seal.get("is_trusted")) and seal["expires"] > now and seal["profile"] in config.publishers


async def deployed(
    node: Node, function: Reference, change: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """The deployment's transaction; where a signature stops it, that is counted all the same."""
    try:
        return await node.store.write(change, *args, **kwargs)
    except CodeVerificationFailedException:
        node.telemetry.note(measuring.unverified(function, node.clock.now()))
        raise


def described(config: Config) -> dict[str, Any]:
    """CodeSigningConfig."""
    return {
        "CodeSigningConfigId": config.arn.rsplit(":", 1)[1],
        "CodeSigningConfigArn": config.arn,
        **config.config,
        "LastModified": functions.time_shown(config.modified),
    }

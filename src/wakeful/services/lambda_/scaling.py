"""Which version of a function on managed instances is invoked, and how many environments each version has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wakeful import limits
from wakeful.environments.version import CAPACITY, ROOM, Sharing
from wakeful.services.lambda_ import capacity, functions, managed
from wakeful.services.lambda_.errors import InvalidParameterValueException, NoPublishedVersionException
from wakeful.services.lambda_.references import LATEST, LATEST_PUBLISHED, Reference
from wakeful.store.tx import Row, Tx

KIND = "lambda.staff"
"""The kind of work row that starts the environments of a published version."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """At least and at most so many environments; None at most is as many as there is room for."""

    least: int | None = None
    most: int | None = None

    @property
    def bounds(self) -> tuple[int, int | None]:
        """With the default for what was not said."""
        default = limits.LAMBDA_MANAGED_ENVIRONMENTS
        least = self.least if self.least is not None else default if self.most is None else min(default, self.most)
        return least, self.most

    def shown(self) -> dict[str, int]:
        """FunctionScalingConfig."""
        members = {"MinExecutionEnvironments": self.least, "MaxExecutionEnvironments": self.most}
        return {name: value for name, value in members.items() if value is not None}


def invoked(tx: Tx, reference: Reference) -> functions.Version:
    """The version that a reference means to whoever invokes it: of a function on managed instances a published one."""
    found = functions.find(tx, reference)
    if found.version != LATEST or not managed.is_asked_for(found.config):
        return found
    published = functions.get_version(tx, reference.arn, LATEST_PUBLISHED)
    if published is None:
        raise NoPublishedVersionException
    if reference.qualifier:
        raise InvalidParameterValueException(
            "Functions configured with capacity provider configuration can't be invoked with $LATEST qualifier. To"
            " invoke this function, specify a published version qualifier or $LATEST.PUBLISHED."
        )
    return published


def get(tx: Tx, function: str, version: str) -> Scaling:
    return _scaling(_row(tx, function, version))


def requested(tx: Tx, reference: Reference) -> Scaling:
    return _scaling(_used(tx, reference))


def put(tx: Tx, reference: Reference, config: Mapping[str, int] | None) -> str:
    """So many environments from now on; the state that the version is in then."""
    tx.lock("lambda", reference.arn)
    _used(tx, reference)
    version = functions.find_version(tx, reference, reference.qualifier)
    given = config or {}
    wanted = Scaling(given.get("MinExecutionEnvironments"), given.get("MaxExecutionEnvironments"))
    if wanted.most is not None and wanted.least is not None and wanted.least > wanted.most:
        raise InvalidParameterValueException(
            "MinExecutionEnvironments must be less than or equal to MaxExecutionEnvironments."
        )
    tx.run(
        "UPDATE lambda_capacity_uses SET least = ?, most = ? WHERE function = ? AND version = ?",
        *(wanted.least, wanted.most, reference.arn, reference.qualifier),
    )
    tx.wake(functions.CHANGED)
    if wanted.most == 0 and version.state == "Active":
        functions.deactivate(tx, version)
        return "Deactivating"
    if wanted.most != 0 and version.state == "Deactivated":
        functions.reactivate(tx, version)
        return "Pending"
    return version.state


def in_use(tx: Tx) -> list[str]:
    """Qualified ARNs of the versions that keep environments."""
    rows = tx.all(
        "SELECT c.function, c.version FROM lambda_capacity_uses c JOIN lambda_versions v ON v.function = c.function"
        " AND v.version = c.version WHERE v.serving IS NOT NULL AND v.state = 'Active' ORDER BY c.function, v.number"
    )
    return [f"{row['function']}:{row['version']}" for row in rows]


def sharing(tx: Tx, version: functions.Version) -> Sharing:
    """What the environments of a published version on managed instances are to know of that."""
    least, most = get(tx, version.function, version.version).bounds
    provider = capacity.get(tx, managed.provider_of(version.config))
    return Sharing(
        slots=managed.slots_of(version.config),
        vcpus=managed.vcpus_of(version.config),
        least=least,
        most=most,
        capacity=managed.provider_of(version.config),
        capacity_vcpus=0.0 if provider is None else provider.vcpus_max,
    )


def failure(fault: str) -> tuple[str, str]:
    """StateReasonCode and StateReason of a version whose environments cannot be started for this fault."""
    if fault == "Sandbox.Timedout":
        return "FunctionError.InitTimeout", "INIT of the function took too long."
    if fault == "Runtime.InvalidEntrypoint":
        return "FunctionError.InvalidEntryPoint", "The function's entry point cannot be run."
    if fault.startswith("Extension."):
        return "FunctionError.ExtensionInitError", f"An extension failed during initialization ({fault})."
    if fault == CAPACITY:
        return "CapacityProviderScalingLimitExceeded", "The capacity provider has no vCPUs left for an environment."
    if fault == ROOM:
        return "InsufficientCapacity", "There is no room for more environments on this node."
    return "FunctionError.RuntimeInitError", f"An error occurred during function initialization ({fault})."


def _used(tx: Tx, reference: Reference) -> Row:
    version = functions.find(tx, reference)
    row = _row(tx, reference.arn, version.version)
    if row is None:
        raise InvalidParameterValueException("FunctionScalingConfig isn't supported for Lambda Default functions.")
    return row


def _row(tx: Tx, function: str, version: str) -> Row | None:
    return tx.one("SELECT * FROM lambda_capacity_uses WHERE function = ? AND version = ?", function, version)


def _scaling(row: Row | None) -> Scaling:
    return Scaling() if row is None else Scaling(row["least"], row["most"])

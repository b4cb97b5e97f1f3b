"""What a service is: one value that names everything it plugs into the node. No discovery, no import side effects."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from wakeful.clock import Clock
from wakeful.fabric.trace import Trace
from wakeful.store import work
from wakeful.store.blobs import Blobs
from wakeful.store.caches import Caches
from wakeful.store.telemetry import Telemetry
from wakeful.store.tx import Store, Tx
from wakeful.store.wakes import Wakes
from wakeful.wire.checks import compile_check
from wakeful.wire.model import ServiceModel, service_model, snake
from wakeful.wire.target import Check

if TYPE_CHECKING:
    from wakeful.config import Config
    from wakeful.environments.packages import Packages
    from wakeful.environments.pool import Pool
    from wakeful.environments.runtimes import Runtimes
    from wakeful.environments.workshop import Workshop
    from wakeful.fabric.authorize import Authorizer
    from wakeful.fabric.chaos.running import Chaos
    from wakeful.fabric.deliver import Delivery
    from wakeful.fabric.front import Front
    from wakeful.fabric.page import Page
    from wakeful.fabric.source import Source
    from wakeful.fabric.stream import Stream

Handler = TypeVar("Handler", bound=Callable[..., Any])
Result = TypeVar("Result")
Request = dict[str, Any]

CREDENTIALS_CHANGED = "iam.credentials"
"""Woken when an access key comes, goes or is switched, or its user is called otherwise."""

RIGHTS_CHANGED = "iam.rights"
"""Woken when anything changes that says what users, roles and their sessions may do, or who may assume a role."""


@dataclass(frozen=True, slots=True)
class Session:
    """What temporary credentials say of their holder. `policies` (documents, or ARNs of managed policies) limit what
    the holder may do; None is no limit. Transitive tags go along into the next session.
    """

    issued: float
    policies: tuple[str, ...] | None = None
    tags: tuple[tuple[str, str], ...] = ()
    transitive: tuple[str, ...] = ()
    source_identity: str | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `arn` is the user's, the role session's or the account root's; a service's is its domain name."""

    kind: Literal["root", "user", "role", "service", "anonymous"]
    arn: str
    account: str
    id: str = ""
    """IAM's unique id; of a role session `AROA…:session-name`."""
    role_arn: str | None = None
    """The role behind a role session."""
    session: Session | None = None
    """Of temporary credentials that STS issued."""


def _stays() -> bool:
    """Who calls from inside the node waits for the answer."""
    return False


def _reads(_: float) -> None:
    """And reads it."""


@dataclass(frozen=True, slots=True)
class Call:
    """Who is asking, where, under which request id. Always passed, never ambient."""

    account: str
    region: str
    principal: Principal
    request_id: str
    trace: Trace
    endpoint: str
    """Scheme, host and port as this client addressed us; URLs we hand out begin with it."""
    source_ip: str = "127.0.0.1"
    has_left: Callable[[], bool] = _stays
    """Whether the client is known to have gone away."""
    ends_at: Callable[[float], None] = _reads
    """Says when an answer that comes piece by piece ends for a client that does not read it."""

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource of this caller's account and region."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    @property
    def effects(self) -> Trace:
        """The trace of whatever this call sets off."""
        return self.trace.caused_by(self.request_id)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation we have: how it touches state decides where its handler runs."""

    service: str
    name: str
    touch: Literal["reads", "writes", "waits"]
    handler: Callable[..., Any]
    notes_itself: bool = False
    """What it does when it goes well is told by notes of its own."""
    only_looks: bool = False
    """It changes nothing, wherever it runs."""


class Operations(dict[str, Operation]):
    """One service's operations by their AWS names, filled by three decorators. A misspelt handler fails at import."""

    def __init__(self, service: str, package: str | None = None) -> None:
        super().__init__()
        self.service = service
        self.package = package or service
        self._names: dict[str, str] | None = None
        self._checks: dict[str, Check] = {}

    def check_of(self, name: str) -> Check:
        """What raises the service's validation error unless a request is as the model has it."""
        check = self._checks.get(name)
        if check is None:
            check = self._checks[name] = compile_check(self.service, self.model.operation_model(name))
        return check

    @property
    def model(self) -> ServiceModel:
        return service_model(self.service)

    def enum(self, shape: str) -> list[str]:
        """The values that the model knows for a string shape."""
        return list(self.model.shape_for(shape).enum)

    def reads(self, handler: Handler) -> Handler:
        """`def f(call, tx, request)`: on a reader; it cannot change rows."""
        return self._add(handler, "reads")

    def writes(self, handler: Handler) -> Handler:
        """`def f(call, tx, request)`: in one transaction."""
        return self._add(handler, "writes")

    def waits(self, handler: Handler) -> Handler:
        """`async def f(call, node, request)`: on the event loop; it names its transactions."""
        return self._add(handler, "waits")

    def looks(self, handler: Handler) -> Handler:
        """As `waits`; and it changes nothing."""
        return self._add(handler, "waits", only_looks=True)

    def waits_and_notes(self, handler: Handler) -> Handler:
        """As `waits`; and it tells by notes of its own what it did."""
        return self._add(handler, "waits", notes_itself=True)

    def _add(
        self,
        handler: Handler,
        touch: Literal["reads", "writes", "waits"],
        *,
        notes_itself: bool = False,
        only_looks: bool = False,
    ) -> Handler:
        if self._names is None:
            self._names = {snake(name): name for name in self.model.operation_names}
        name = self._names[handler.__name__]
        self[name] = Operation(self.service, name, touch, handler, notes_itself, only_looks or touch == "reads")
        return handler


@dataclass(frozen=True, slots=True)
class Again:
    """The work is to be done once more, at `due`; with another `body`, where one is given."""

    due: float
    body: Any = None


@dataclass(frozen=True, slots=True)
class Done:
    """The work is over. `also` becomes true in the transaction that removes its row."""

    also: Callable[[Tx], None] | None = None


@dataclass(frozen=True, slots=True)
class Worker:
    """Carries out due rows of one kind, at most `slots` at a time on this node."""

    kind: str
    do: Callable[[Node, work.Item], Awaitable[Done | Again]]
    slots: int = 16
    slots_max: int = 0
    """How many there may be where all are taken and mostly wait, if that is more: see `fabric/worker.py`."""
    is_lazy: bool = False
    """Its rows are sweeps: when the clock is moved they may be done late, and once."""


@dataclass(frozen=True, slots=True)
class Need:
    """A right that a request needs: IAM's action on a resource, with the request's condition keys."""

    action: str
    resource: str
    context: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    is_owners: bool = False
    """Only the account that owns the resource has it, and can give it to no other."""
    known: Callable[[Tx], Mapping[str, str | Sequence[str]]] | None = None
    """Condition keys that rows know; they are asked only where a policy may look at conditions."""


@dataclass(frozen=True, slots=True)
class Resource:
    """What rows know of a resource that a request names: its whole ARN, and whose it is where the ARN does not say."""

    arn: str
    account: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """Everything that one AWS service plugs into the node."""

    operations: Operations
    schema: str = ""
    """CREATE statements of the tables it owns; their names begin with the package's name."""
    accept: Callable[[Tx, Delivery], None] | None = None
    """Takes an event into durable state, inside the giver's transaction; raises Refused."""
    source: Source | None = None
    """Others may draw from it."""
    stream: Stream | None = None
    """Others may follow its streams."""
    needs: Callable[[Call, str, Request], Iterable[Need]] | None = None
    """What a request to an operation needs. None: the action of the operation's name on everything."""
    policy: Callable[[Tx, str], str | None] | None = None
    """The resource policy (JSON) of the resource with that ARN, for this service's actions on it."""
    resource: Callable[[Tx, str], Resource] | None = None
    """What rows know of the resource that `needs` names. None: the ARN says all."""
    policies_changed: str = ""
    """Woken when what `policy` or `resource` answers has changed; without it they are asked for every call."""
    unsigned: frozenset[str] = frozenset()
    """Operations that may be asked for without a signature; policies still say who may."""
    fronts: tuple[Front, ...] = ()
    """What it answers over HTTP beside its API."""
    holds: Mapping[str, str] = field(default_factory=dict)
    """What people have in it, by its name, such as `table`, and the query that counts it, as `n`."""
    pages: Mapping[str, Page] = field(default_factory=dict)
    """What it tells at GET /_wakeful/{name}, by that name: what AWS has no API for."""
    identities: Identities | None = None
    """Where credentials and identity policies come from; IAM alone has this."""
    workers: tuple[Worker, ...] = ()
    tasks: tuple[Callable[[Node], Coroutine[Any, Any, None]], ...] = ()
    """Coroutines that run as long as the node does."""
    first: Callable[[Tx], None] | None = None
    """What must be true before anybody calls: rows a fresh store needs, sweeps."""

    @property
    def name(self) -> str:
        """botocore's name, which is also the service's part of its ARNs."""
        return self.operations.service

    @property
    def package(self) -> str:
        """The owner of its tables: the folder it lives in."""
        return self.operations.package


def held(tx: Tx, services: Iterable[Service]) -> str:
    """How many of everything there are, in all accounts and regions, for people."""
    rows = [(what, tx.one(query)) for each in services for what, query in each.holds.items()]
    counts = [(int(row["n"]), what) for what, row in rows if row is not None]
    told = [f"{count:,} {what if count == 1 else what + 's'}" for count, what in counts if count]
    return ", ".join(told) or "nothing yet"


@dataclass(frozen=True, slots=True)
class Credential:
    """An access key and whom it stands for."""

    access_key_id: str
    secret_key: str
    token: str | None
    expires: float | None
    principal: Principal
    is_active: bool = True
    used: float | None = None
    """When its last use was written down."""


class Sessions(Protocol):
    """Opens session tokens. Needs no rows: a token holds all there is to know of its session."""

    def open(self, token: str) -> Credential | None:
        """The credential that was issued with the token, expired or not; None for what was not issued here."""


class Identities(Protocol):
    """What authentication and authorisation ask IAM."""

    def credential(self, tx: Tx, access_key_id: str) -> Credential | None:
        """The long-term access key, switched off or not."""

    def sessions(self, tx: Tx) -> Sessions:
        """The same for as long as the store is the same."""

    def has_root_key(self, tx: Tx) -> bool:
        """Whether anybody was given a root's key."""

    def note_use(self, tx: Tx, access_key_id: str, service: str, region: str) -> None:
        """The key is known to have been used now."""

    def policies(self, tx: Tx, principal: Principal) -> IdentityPolicies:
        """What is said about the principal, at this moment."""


@dataclass(frozen=True, slots=True)
class IdentityPolicies:
    """The policy documents (JSON) that speak about one principal. None is no boundary, no limit of the session."""

    identity: tuple[str, ...] = ()
    boundary: str | None = None
    session: tuple[str, ...] | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


class Node(Protocol):
    """What a service may use of the node. `node.py` is the only implementation."""

    id: str
    config: Config
    clock: Clock
    store: Store
    blobs: Blobs
    telemetry: Telemetry
    wakes: Wakes
    environments: Pool
    packages: Packages
    runtimes: Runtimes
    workshop: Workshop
    caches: Caches
    authorizer: Authorizer
    chaos: Chaos
    endpoint: str
    services: Mapping[str, Service]
    sources: Mapping[str, Source]
    streams: Mapping[str, Stream]
    is_stopping: bool
    """The node was told to stop: who only waits for something to come is answered now."""

    async def aside(self, job: Callable[..., Result], /, *args: Any) -> Result:
        """What `job` answers, which computes long and touches nothing of ours: beside the loop, in a thread."""

    async def apart(self, job: Callable[..., Result], /, *args: Any) -> Result:
        """The same of a job that waits for somebody outside, nobody knows how long: in a thread that no other needs."""

    async def call(self, call: Call, service: str, operation: str, request: Request) -> Any:
        """A public operation, in process, with the caller's rights: checked, authorised and noted like any other."""

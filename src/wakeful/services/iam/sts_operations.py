"""STS's API: who is asking, and sessions that stand for a role or for less than somebody's whole rights."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from wakeful import limits, names
from wakeful.fabric.parts import parts_of
from wakeful.fabric.service import Call, Credential, Need, Principal, Request, Session
from wakeful.services.iam import documents, entities, policies
from wakeful.services.iam.api import sts
from wakeful.services.iam.entities import Entity
from wakeful.services.iam.errors import InvalidParameterValue, PackedPolicyTooLargeException, ValidationError
from wakeful.services.iam.sessions import SealedSessions, sealing_key
from wakeful.store.tx import Tx
from wakeful.wire.errors import AccessDenied, NotImplementedHere

if TYPE_CHECKING:
    from wakeful.shapes import sts as shapes

log = logging.getLogger(__name__)


@sts.reads
def get_caller_identity(call: Call, tx: Tx, request: Mapping[str, object]) -> shapes.GetCallerIdentityResponse:
    """Who is asking. Nobody needs a right to know that."""
    return {"UserId": call.principal.id, "Account": call.principal.account, "Arn": call.principal.arn}


@sts.reads
def get_access_key_info(call: Call, tx: Tx, request: shapes.GetAccessKeyInfoRequest) -> shapes.GetAccessKeyInfoResponse:
    """The account of any access key, known here or not: the key itself tells."""
    account = names.account_of_access_key(request["AccessKeyId"])
    if account is None:
        raise ValidationError("The specified access key ID is not valid.")
    return {"Account": account}


@sts.reads
def get_session_token(call: Call, tx: Tx, request: shapes.GetSessionTokenRequest) -> shapes.GetSessionTokenResponse:
    """Temporary credentials for whoever asks with long-term ones."""
    _refuse_mfa(request)
    if call.principal.session is not None or call.principal.kind not in ("user", "root"):
        raise AccessDenied("Cannot call GetSessionToken with session credentials")
    longest = limits.STS_SESSION_MAX_S if call.principal.kind == "user" else limits.STS_ROOT_SESSION_MAX_S
    seconds = min(request.get("DurationSeconds", limits.STS_SESSION_S), longest)
    principal = _with_session(call.principal, Session(issued=tx.now))
    return {"Credentials": _shown(SealedSessions(sealing_key(tx)).issue(principal, tx.now + seconds))}


@sts.reads
def assume_role(call: Call, tx: Tx, request: shapes.AssumeRoleRequest) -> shapes.AssumeRoleResponse:
    """Temporary credentials of the role. Whether its trust policy allows that was looked at before."""
    _refuse_mfa(request)
    for parameter in ("ProvidedContexts", "MinimumSessionTokenSize"):
        if parameter in request:
            raise NotImplementedHere(f"Wakeful does not have {parameter} of AssumeRole yet.")
    role_arn = request["RoleArn"]
    role = _role(tx, call, role_arn)
    seconds = request.get("DurationSeconds", limits.IAM_SESSION_MAX_S)
    _check_duration(call, role, seconds)
    account, name = _account_and_name(role_arn)
    role_id = role.id if role is not None else policies.derived_id("AROA", role_arn)
    session, packed_percent = _session(tx, call, account, request)
    principal = Principal(
        kind="role",
        arn=f"arn:aws:sts::{account}:assumed-role/{name}/{request['RoleSessionName']}",
        account=account,
        id=f"{role_id}:{request['RoleSessionName']}",
        role_arn=role_arn,
        session=session,
    )
    answer: shapes.AssumeRoleResponse = {
        "Credentials": _shown(SealedSessions(sealing_key(tx)).issue(principal, tx.now + seconds)),
        "AssumedRoleUser": {"AssumedRoleId": principal.id, "Arn": principal.arn},
    }
    if packed_percent:
        answer["PackedPolicySize"] = packed_percent
    if session.source_identity is not None:
        answer["SourceIdentity"] = session.source_identity
    return answer


def needs(call: Call, operation: str, request: Request) -> Iterable[Need]:
    """The rights STS asks for ("Actions, resources, and condition keys for AWS Security Token Service")."""
    if operation == "GetAccessKeyInfo":
        yield Need("sts:GetAccessKeyInfo", "*")
    if operation != "AssumeRole":
        return  # who one is, and a session of one's own, are everybody's to have
    keys = {"sts:ExternalId": "ExternalId", "sts:RoleSessionName": "RoleSessionName"}
    keys["sts:SourceIdentity"] = "SourceIdentity"
    context: dict[str, str | Sequence[str]] = {
        key: request[member] for key, member in keys.items() if member in request
    }
    tags = request.get("Tags", [])
    if tags:
        context |= {f"aws:RequestTag/{tag['Key']}": tag["Value"] for tag in tags}
        context["aws:TagKeys"] = [tag["Key"] for tag in tags]
        if request.get("TransitiveTagKeys"):
            context["sts:TransitiveTagKeys"] = request["TransitiveTagKeys"]
    yield Need("sts:AssumeRole", request["RoleArn"], context)
    if tags:
        yield Need("sts:TagSession", request["RoleArn"], context)
    if "SourceIdentity" in request:
        yield Need("sts:SetSourceIdentity", request["RoleArn"], context)


def trust_policy(tx: Tx, role_arn: str) -> str | None:
    """Who may assume the role: for STS, that is the role's resource policy."""
    role = entities.get_by_arn(tx, role_arn)
    return None if role is None else role.trust


# --- the parts of a session ------------------------------------------------------------------------------------------


def _role(tx: Tx, call: Call, arn: str) -> Entity | None:
    """The role; None for one that there is not, where authorisation is only watched: many tools make roles up."""
    _account_and_name(arn)
    parts = parts_of(tx)
    role = entities.get_by_arn(tx, arn)
    if parts.iam_mode == "enforce":
        if call.principal.kind == "root":
            raise AccessDenied("Roles may not be assumed by root accounts.")
        if role is None:
            raise AccessDenied(
                f"User: {call.principal.arn} is not authorized to perform: sts:AssumeRole on resource: {arn}"
            )
    elif role is None and parts.authorizer.is_news("missing role", arn):
        log.warning("the role %s does not exist: its sessions have no policies, and nothing is denied them", arn)
    return role


def _account_and_name(role_arn: str) -> tuple[str, str]:
    try:
        arn = names.parse_arn(role_arn)
    except ValueError:
        arn = None
    if arn is None or arn.service != "iam" or not arn.resource.startswith("role/"):
        raise ValidationError(f"{role_arn} is invalid")
    return arn.account, arn.name


def _check_duration(call: Call, role: Entity | None, seconds: int) -> None:
    """Services begin sessions as long as they need; others as long as the role says, or an hour when chaining."""
    if call.principal.kind == "service":
        return
    if call.principal.kind == "role" and seconds > limits.STS_CHAINED_SESSION_MAX_S:
        raise ValidationError(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
        )
    if seconds > (role.max_session_s if role is not None and role.max_session_s else limits.IAM_SESSION_MAX_S):
        raise ValidationError("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")


def _session(tx: Tx, call: Call, account: str, request: shapes.AssumeRoleRequest) -> tuple[Session, int]:
    """What the session brings along, and how much of the room for it that takes, in percent."""
    session_policies: list[str] = []
    if "Policy" in request:
        documents.check(request["Policy"], "identity")
        session_policies.append(request["Policy"])
    for each in request.get("PolicyArns", []):
        arn = each.get("arn") or ""
        policies.find_attachable(tx, account, arn)
        session_policies.append(arn)
    tags, transitive = _tags(call, request)
    source_identity = _source_identity(call, request)
    session = Session(
        issued=tx.now,
        policies=tuple(session_policies) if session_policies else None,
        tags=tuple(sorted(tags.items())),
        transitive=tuple(sorted(transitive)),
        source_identity=source_identity,
    )
    if not session_policies and not tags:
        return session, 0
    packed = len(zlib.compress(repr((session.policies, session.tags)).encode(), 9))
    percent = -(-packed * 100 // limits.STS_PACKED_BYTES_MAX)
    if percent > 100:
        raise PackedPolicyTooLargeException(
            f"PackedPolicySize: {percent}% of the packed size limit is used by session policies and tags together."
        )
    return session, percent


def _tags(call: Call, request: shapes.AssumeRoleRequest) -> tuple[dict[str, str], set[str]]:
    """The session's tags, those handed down from the caller's session among them; and which it hands down."""
    own = {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
    if len({key.lower() for key in own}) < len(request.get("Tags", [])):
        raise InvalidParameterValue("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    caller = call.principal.session
    inherited = {key: value for key, value in caller.tags if key in caller.transitive} if caller is not None else {}
    taken = {key.lower() for key in inherited}
    if any(key.lower() in taken for key in own):
        raise InvalidParameterValue(
            "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key"
            " from the calling session."
        )
    transitive = set(request.get("TransitiveTagKeys", []))
    if not transitive <= own.keys():
        raise InvalidParameterValue("The specified transitive tag key must be included in the requested tags.")
    return inherited | own, transitive | inherited.keys()


def _source_identity(call: Call, request: shapes.AssumeRoleRequest) -> str | None:
    """Once set, it goes from session to session and stays what it is."""
    inherited = call.principal.session.source_identity if call.principal.session is not None else None
    wanted = request.get("SourceIdentity", inherited)
    if inherited is not None and wanted != inherited:
        raise AccessDenied("The source identity of a session cannot be changed in the sessions that follow from it.")
    return wanted


def _with_session(principal: Principal, session: Session) -> Principal:
    return Principal(principal.kind, principal.arn, principal.account, principal.id, principal.role_arn, session)


def _refuse_mfa(request: Mapping[str, object]) -> None:
    for parameter in ("SerialNumber", "TokenCode"):
        if parameter in request:
            raise NotImplementedHere(f"Wakeful has no MFA devices ({parameter}).")


def _shown(credential: Credential) -> shapes.Credentials:
    assert credential.token is not None and credential.expires is not None
    return {
        "AccessKeyId": credential.access_key_id,
        "SecretAccessKey": credential.secret_key,
        "SessionToken": credential.token,
        "Expiration": credential.expires,
    }

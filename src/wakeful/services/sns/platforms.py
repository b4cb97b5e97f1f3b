"""Platform applications, and the endpoints on them: the apps and devices that pushes go to."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from wakeful import limits, names
from wakeful.fabric.service import Call
from wakeful.fabric.trace import Trace
from wakeful.services.sns import platform_events, status_attributes
from wakeful.services.sns.errors import InvalidParameterException, NotFoundException
from wakeful.services.sns.push import PLATFORMS
from wakeful.store.tx import Row, Tx

_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_HEXADECIMAL = re.compile(rf"[0-9a-fA-F]{{1,{limits.SNS_ENDPOINT_APPLE_TOKEN_CHARS_MAX}}}")
_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_EVENTS = ("EventEndpointCreated", "EventEndpointDeleted", "EventEndpointUpdated", "EventDeliveryFailure")
_SECRETS = ("PlatformCredential", "PlatformPrincipal")
_APPLE = ("ApplePlatformTeamID", "ApplePlatformBundleID")
_SETTABLE = (*_SECRETS, *_APPLE, *_EVENTS, "Enabled")
_FEEDBACK = ("SuccessFeedbackRoleArn", "FailureFeedbackRoleArn", "SuccessFeedbackSampleRate")
_OF_ENDPOINTS = ("CustomUserData", "Enabled", "Token")
_BAIDU = ("ChannelId", "UserId")
_BOOLEANS = ("true", "false")
_ATTRIBUTES = "Invalid parameter: Attributes Reason: "


@dataclass(frozen=True, slots=True)
class Application:
    """A platform application as it stands in the store. `attributes` are as they were set."""

    arn: str
    account: str
    region: str
    platform: str
    name: str
    attributes: Mapping[str, str]

    @property
    def is_enabled(self) -> bool:
        return self.attributes.get("Enabled", "true") == "true"

    @property
    def bundle_id(self) -> str | None:
        return self.attributes.get("ApplePlatformBundleID")

    def shown(self) -> dict[str, str]:
        """As GetPlatformApplicationAttributes answers: credentials are never told."""
        shown = {name: value for name, value in self.attributes.items() if name not in _SECRETS}
        method = _method(self.platform, self.attributes)
        return {"Enabled": "true", **({} if method is None else {"AuthenticationMethod": method}), **shown}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An app on a device. `is_gone`: its platform knows the token no more, which shows at the next push."""

    arn: str
    application: str
    token: str
    attributes: Mapping[str, str]
    is_gone: bool

    @property
    def is_enabled(self) -> bool:
        return self.attributes["Enabled"] == "true"

    def shown(self) -> dict[str, str]:
        """As GetEndpointAttributes answers."""
        return {**self.attributes, "Token": self.token}


# --- applications ----------------------------------------------------------------------------------------------------


def create(tx: Tx, call: Call, name: str, platform: str, attributes: Mapping[str, str]) -> Application:
    """The application is there. Asked again with the same attributes, the one there is is answered."""
    _check_name(name)
    if platform not in PLATFORMS:
        raise InvalidParameterException(f"Invalid parameter: Platform Reason: {platform} is not supported")
    wanted = _checked(platform, attributes)
    _check_credentials(platform, wanted)
    arn = call.arn("sns", f"app/{platform}/{name}")
    tx.lock("sns", arn)
    existing = get(tx, arn)
    if existing is not None:
        if existing.attributes != wanted:
            raise InvalidParameterException(
                f"{_ATTRIBUTES}Platform application already exists with different attributes"
            )
        return existing
    tx.run(
        "INSERT INTO sns_applications(arn, account, region, platform, name, attributes) VALUES (?, ?, ?, ?, ?, ?)",
        *(arn, call.account, call.region, platform, name, orjson.dumps(wanted)),
    )
    return find(tx, arn)


def get(tx: Tx, arn: str) -> Application | None:
    row = tx.one("SELECT * FROM sns_applications WHERE arn = ?", arn)
    return None if row is None else _application(row)


def find(tx: Tx, arn: str) -> Application:
    """Raises NotFoundException."""
    application = get(tx, arn)
    if application is None:
        raise NotFoundException("PlatformApplication does not exist")
    return application


def set_attributes(tx: Tx, arn: str, asked: Mapping[str, str]) -> None:
    """They are set; an empty one is taken away."""
    tx.lock("sns", arn)
    application = find(tx, arn)
    kept = {**application.attributes, **_checked(application.platform, asked)}
    kept = {name: value for name, value in kept.items() if value}
    _check_credentials(application.platform, kept)
    tx.run("UPDATE sns_applications SET attributes = ? WHERE arn = ?", orjson.dumps(kept), arn)


def delete(tx: Tx, arn: str) -> None:
    """Neither the application nor an endpoint of it is left; there may have been none."""
    tx.lock("sns", arn)
    tx.run("DELETE FROM sns_endpoints WHERE application = ?", arn)
    tx.run("DELETE FROM sns_applications WHERE arn = ?", arn)


def of_caller(tx: Tx, call: Call, after: str, limit: int) -> list[Application]:
    """The caller's applications in this region by ARN, from the one after `after`."""
    rows = tx.all(
        "SELECT * FROM sns_applications WHERE account = ? AND region = ? AND arn > ? ORDER BY arn LIMIT ?",
        *(call.account, call.region, after, limit),
    )
    return [_application(row) for row in rows]


# --- endpoints -------------------------------------------------------------------------------------------------------


def create_endpoint(
    tx: Tx, arn: str, token: str, custom_user_data: str | None, asked: Mapping[str, str], trace: Trace
) -> Endpoint:
    """The endpoint is there. Asked again with the same token and attributes, the one there is is answered."""
    tx.lock("sns", arn)
    application = find(tx, arn)
    data = {} if custom_user_data is None else {"CustomUserData": custom_user_data}
    wanted = {"Enabled": "true", **_checked_endpoint(application, {**data, **asked})}
    kept_token = _checked_token(application.platform, wanted.pop("Token", token))
    if application.platform == "BAIDU" and (
        any(name not in wanted for name in _BAIDU) or wanted["ChannelId"] != kept_token
    ):
        raise InvalidParameterException(f"{_ATTRIBUTES}ChannelId and UserId are required, and Token is the ChannelId")
    existing = _of_token(tx, arn, kept_token)
    if existing is not None:
        if existing.attributes != wanted:
            raise _same_token(existing)
        return existing
    made = f"{arn.replace(':app/', ':endpoint/')}/{names.new_uuid()}"
    tx.run(
        "INSERT INTO sns_endpoints(arn, application, token, attributes) VALUES (?, ?, ?, ?)",
        *(made, arn, kept_token, orjson.dumps(wanted)),
    )
    tell(tx, application, "EndpointCreated", made, trace)
    return find_endpoint(tx, made)


def get_endpoint(tx: Tx, arn: str) -> Endpoint | None:
    row = tx.one("SELECT * FROM sns_endpoints WHERE arn = ?", arn)
    return None if row is None else _endpoint(row)


def find_endpoint(tx: Tx, arn: str) -> Endpoint:
    """Raises NotFoundException."""
    endpoint = get_endpoint(tx, arn)
    if endpoint is None:
        raise NotFoundException("Endpoint does not exist")
    return endpoint


def set_endpoint_attributes(tx: Tx, arn: str, asked: Mapping[str, str], trace: Trace) -> None:
    """They are set. With another token, the platform knows the device again."""
    application = find(tx, application_of(arn)) if get_endpoint(tx, arn) is not None else None
    if application is None:
        raise NotFoundException("Endpoint does not exist")
    tx.lock("sns", application.arn)
    endpoint = find_endpoint(tx, arn)
    wanted = {**endpoint.attributes, **_checked_endpoint(application, asked)}
    token = _checked_token(application.platform, wanted.pop("Token", endpoint.token))
    other = _of_token(tx, application.arn, token)
    if other is not None and other.arn != arn:
        raise _same_token(other)
    is_gone = endpoint.is_gone and token == endpoint.token
    tx.run(
        "UPDATE sns_endpoints SET attributes = ?, token = ?, gone = ? WHERE arn = ?",
        *(orjson.dumps(wanted), token, int(is_gone), arn),
    )
    tell(tx, application, "EndpointUpdated", arn, trace)


def delete_endpoint(tx: Tx, arn: str, trace: Trace) -> None:
    """No endpoint of that ARN is left."""
    tx.lock("sns", application_of(arn))
    if tx.run("DELETE FROM sns_endpoints WHERE arn = ?", arn):
        tell(tx, find(tx, application_of(arn)), "EndpointDeleted", arn, trace)


def endpoints(tx: Tx, arn: str, after: str, limit: int) -> list[Endpoint]:
    """Of an application by ARN, from the one after `after`."""
    rows = tx.all(
        "SELECT * FROM sns_endpoints WHERE application = ? AND arn > ? ORDER BY arn LIMIT ?", arn, after, limit
    )
    return [_endpoint(row) for row in rows]


def be_gone(tx: Tx, arn: str) -> None:
    """The app was removed from the device: its platform refuses the token from now on."""
    tx.lock("sns", application_of(arn))
    find_endpoint(tx, arn)
    tx.run("UPDATE sns_endpoints SET gone = 1 WHERE arn = ?", arn)


def disable(tx: Tx, application: Application, endpoint: Endpoint, trace: Trace) -> None:
    """Its platform has refused the token: nothing is pushed there until somebody enables it again."""
    tx.lock("sns", application.arn)
    kept = {**endpoint.attributes, "Enabled": "false"}
    tx.run("UPDATE sns_endpoints SET attributes = ? WHERE arn = ?", orjson.dumps(kept), endpoint.arn)
    tell(tx, application, "EndpointUpdated", endpoint.arn, trace)


def tell(tx: Tx, application: Application, event: str, endpoint: str, trace: Trace, **more: Any) -> None:
    """Whoever wants to hear of such events of the application will hear of this one."""
    topic = application.attributes.get(f"Event{event}")
    if topic is not None:
        subject = f"{event} event for app {application.name} ({application.platform})"
        platform_events.put(tx, topic, application.arn, event, endpoint, subject, trace, **more)


def application_of(endpoint: str) -> str:
    """The ARN of the application that an endpoint's ARN has in it."""
    return endpoint.replace(":endpoint/", ":app/").rpartition("/")[0]


# --- what may be asked for -------------------------------------------------------------------------------------------


def _check_name(name: str) -> None:
    if not name:
        raise InvalidParameterException("Invalid parameter:  Reason: cannot be empty")
    if len(name) > limits.SNS_APPLICATION_NAME_CHARS_MAX:
        raise InvalidParameterException(f"Invalid parameter: {name} Reason: must be at most 256 characters long")
    if not _NAME.fullmatch(name):
        raise InvalidParameterException(
            f"Invalid parameter: {name} Reason: must contain only characters 'a'-'z', 'A'-'Z', '0'-'9', '_', '-', and"
            " '.'"
        )


def _checked(platform: str, asked: Mapping[str, str]) -> dict[str, str]:
    for name, value in asked.items():
        if name not in (*_SETTABLE, *_FEEDBACK) or (name in _APPLE and not PLATFORMS[platform].is_apple):
            raise InvalidParameterException(f"{_ATTRIBUTES}Invalid attribute name: {name}")
        if name not in _SECRETS and not value.isprintable():
            raise InvalidParameterException(f"{_ATTRIBUTES}Invalid value for attribute: {name}")
        if (name == "Enabled" or value) and not _RULES.get(name, bool)(value):
            raise InvalidParameterException(f"{_ATTRIBUTES}Invalid value for attribute: {name}")
    return dict(asked)


def _check_credentials(platform: str, attributes: Mapping[str, str]) -> None:
    """They are there. Whether they are good, only the platform could say."""
    has_credential, has_principal = bool(attributes.get(_SECRETS[0])), bool(attributes.get(_SECRETS[1]))
    if has_principal and not has_credential:
        raise InvalidParameterException(f"{_ATTRIBUTES}PlatformPrincipal attribute provided without PlatformCredential")
    if not has_credential:
        raise InvalidParameterException(f"{_ATTRIBUTES}PlatformCredential attribute required")
    if PLATFORMS[platform].has_principal and not has_principal:
        raise InvalidParameterException(f"{_ATTRIBUTES}PlatformCredential attribute provided without PlatformPrincipal")
    if attributes["PlatformCredential"].lstrip().startswith("{") and _method(platform, attributes) != "Token":
        raise InvalidParameterException(f"{_ATTRIBUTES}Platform credentials are invalid")
    given = [name for name in _APPLE if attributes.get(name)]
    if len(given) == 1:
        raise InvalidParameterException(
            f"{_ATTRIBUTES}ApplePlatformTeamID and ApplePlatformBundleID are given together"
        )


def _method(platform: str, attributes: Mapping[str, str]) -> str | None:
    """How SNS proves itself to the platform, where there are several ways."""
    if platform == "GCM":
        try:
            document = json.loads(attributes.get("PlatformCredential", ""))
        except (ValueError, RecursionError):
            document = None
        is_token = isinstance(document, dict) and {"private_key", "client_email", "project_id"} <= document.keys()
        return "Token" if is_token else "Key"
    if PLATFORMS[platform].is_apple:
        return "Token" if attributes.get("ApplePlatformTeamID") else "Certificate"
    return None


def _checked_endpoint(application: Application, asked: Mapping[str, str]) -> dict[str, str]:
    allowed = (*_OF_ENDPOINTS, *_BAIDU) if application.platform == "BAIDU" else _OF_ENDPOINTS
    for name, value in asked.items():
        if name not in allowed:
            raise InvalidParameterException(f"{_ATTRIBUTES}Invalid attribute name: {name}")
        if name == "Enabled" and value.lower() not in _BOOLEANS:
            raise InvalidParameterException(f"{_ATTRIBUTES}Invalid value for attribute: Enabled")
        if _NO_XML.search(value):
            raise InvalidParameterException(f"{_ATTRIBUTES}Invalid value for attribute: {name}")
        if name == "CustomUserData" and len(value.encode()) > limits.SNS_ENDPOINT_DATA_BYTES_MAX:
            raise InvalidParameterException(
                f"{_ATTRIBUTES}Invalid value for attribute: CustomUserData: must be at most"
                f" {limits.SNS_ENDPOINT_DATA_BYTES_MAX} bytes long in UTF-8 encoding"
            )
    return {name: value.lower() if name == "Enabled" else value for name, value in asked.items()}


def _checked_token(platform: str, token: str) -> str:
    if not token:
        raise InvalidParameterException("Invalid parameter: Token Reason: cannot be empty")
    if _NO_XML.search(token):
        raise InvalidParameterException("Invalid parameter: Token")
    if len(token.encode()) > limits.SNS_ENDPOINT_TOKEN_BYTES_MAX:
        raise InvalidParameterException(
            f"Invalid parameter: Token Reason: must be at most {limits.SNS_ENDPOINT_TOKEN_BYTES_MAX} bytes long in"
            " UTF-8 encoding"
        )
    if not PLATFORMS[platform].is_apple:
        return token
    if not _HEXADECIMAL.fullmatch(token):
        raise InvalidParameterException(
            "Invalid parameter: Token Reason: iOS device tokens must be no more than"
            f" {limits.SNS_ENDPOINT_APPLE_TOKEN_CHARS_MAX} hexadecimal characters"
        )
    return token.lower()


def _same_token(existing: Endpoint) -> InvalidParameterException:
    return InvalidParameterException(
        f"Invalid parameter: Token Reason: Endpoint {existing.arn} already exists with the same Token, but different"
        " attributes."
    )


def _is_topic(text: str) -> bool:
    try:
        arn = names.parse_arn(text)
    except ValueError:
        return False
    return arn.service == "sns" and "/" not in arn.resource and ":" not in arn.resource


_RULES: Mapping[str, Callable[[str], bool]] = {
    **dict.fromkeys(_EVENTS, _is_topic),
    "Enabled": _BOOLEANS.__contains__,
    "SuccessFeedbackRoleArn": status_attributes.is_role,
    "FailureFeedbackRoleArn": status_attributes.is_role,
    "SuccessFeedbackSampleRate": status_attributes.is_percent,
}


# --- below -----------------------------------------------------------------------------------------------------------


def _of_token(tx: Tx, application: str, token: str) -> Endpoint | None:
    row = tx.one("SELECT * FROM sns_endpoints WHERE application = ? AND token = ?", application, token)
    return None if row is None else _endpoint(row)


def _application(row: Row) -> Application:
    return Application(
        arn=row["arn"],
        account=row["account"],
        region=row["region"],
        platform=row["platform"],
        name=row["name"],
        attributes=orjson.loads(row["attributes"]),
    )


def _endpoint(row: Row) -> Endpoint:
    return Endpoint(
        arn=row["arn"],
        application=row["application"],
        token=row["token"],
        attributes=orjson.loads(row["attributes"]),
        is_gone=bool(row["gone"]),
    )

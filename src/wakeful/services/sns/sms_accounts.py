"""How an account sends text messages in a region: its settings, who wants none, and its sandbox."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from wakeful import limits, names
from wakeful.services.sns import status_attributes, text_messages
from wakeful.services.sns.errors import (
    InvalidParameterException,
    OptedOutException,
    ResourceNotFoundException,
    ThrottledException,
    UserErrorException,
    VerificationException,
)
from wakeful.services.sns.reserved_attributes import SMS_TYPES
from wakeful.store.tx import Row, Tx
from wakeful.wire.errors import NotImplementedHere

_SETTABLE = (
    "DefaultSMSType",
    "DefaultSenderID",
    "DeliveryStatusIAMRole",
    "DeliveryStatusSuccessSamplingRate",
    "MonthlySpendLimit",
)
_REFUSED = {
    "UsageReportS3Bucket": "Wakeful writes no reports on text messages (UsageReportS3Bucket).",
}
_MALFORMED = "Invalid parameter: PhoneNumber Reason: input incorrectly formatted"


def attributes(tx: Tx, account: str, region: str) -> dict[str, str]:
    """As GetSMSAttributes answers: what was set, and the limit AWS gives everybody."""
    row = _row(tx, account, region)
    return {"MonthlySpendLimit": str(limits.SNS_SMS_MONTHLY_USD), **({} if row is None else _set(row))}


def set_attributes(tx: Tx, account: str, region: str, asked: Mapping[str, str]) -> None:
    """They hold from the next message on; an empty one is taken away."""
    for name, value in asked.items():
        _check(name, value)
    tx.lock("sns", "sms", account, region)
    row = _row(tx, account, region)
    kept = {**({} if row is None else _set(row)), **asked}
    _put(
        tx, account, region, {name: value for name, value in kept.items() if value}, is_in_sandbox(tx, account, region)
    )


def is_in_sandbox(tx: Tx, account: str, region: str) -> bool:
    """Whether it may send to verified numbers only."""
    row = _row(tx, account, region)
    return row is not None and bool(row["sandbox"])


def set_sandbox(tx: Tx, account: str, region: str, *, is_in: bool) -> None:
    """The account is in the sandbox of that region, or out of it; on AWS its support decides that."""
    tx.lock("sns", "sms", account, region)
    row = _row(tx, account, region)
    _put(tx, account, region, {} if row is None else _set(row), is_in)


def refusal(tx: Tx, account: str, region: str, number: str) -> str:
    """Why a message to the number would not arrive; empty where it would."""
    if is_opted_out(tx, account, region, number):
        return "Phone number is opted out"
    if is_in_sandbox(tx, account, region):
        row = _sandbox_row(tx, account, region, number)
        if row is None or not row["verified"]:
            return "Phone number is not verified, and the account is in the SMS sandbox"
    return ""


# --- who wants no messages -------------------------------------------------------------------------------------------


def number_of(text: str) -> str:
    """The phone number. Raises InvalidParameterException where it is none."""
    number = text_messages.phone_number(text)
    if number is None:
        raise InvalidParameterException(_MALFORMED)
    return number


def is_opted_out(tx: Tx, account: str, region: str, number: str) -> bool:
    row = _number_row(tx, account, region, number)
    return row is not None and bool(row["opted_out"])


def opted_out(tx: Tx, account: str, region: str, after: str, limit: int) -> list[str]:
    """Numbers that want no messages, from the one after `after`."""
    rows = tx.all(
        "SELECT number FROM sns_sms_numbers WHERE account = ? AND region = ? AND opted_out = 1 AND number > ?"
        " ORDER BY number LIMIT ?",
        *(account, region, after, limit),
    )
    return [row["number"] for row in rows]


def opt_out(tx: Tx, account: str, region: str, number: str) -> None:
    """Its owner answered STOP: no message of this account reaches it from this region."""
    tx.lock("sns", "sms", account, region)
    row = _number_row(tx, account, region, number)
    _put_number(tx, account, region, number, is_out=True, opted_in=None if row is None else row["opted_in"])


def opt_in(tx: Tx, account: str, region: str, number: str) -> None:
    """Messages reach it again. AWS lets that be done for a number once in thirty days."""
    tx.lock("sns", "sms", account, region)
    row = _number_row(tx, account, region, number)
    if row is None or not row["opted_out"]:
        return
    if row["opted_in"] is not None and row["opted_in"] > tx.now - limits.SNS_SMS_OPT_IN_PAUSE_S:
        raise InvalidParameterException(
            "Invalid parameter: PhoneNumber Reason: the number was opted in within the last 30 days"
        )
    _put_number(tx, account, region, number, is_out=False, opted_in=tx.now)


# --- the sandbox -----------------------------------------------------------------------------------------------------


def add_to_sandbox(tx: Tx, account: str, region: str, number: str) -> str:
    """The number waits to be verified with the one-time password that is returned."""
    tx.lock("sns", "sms", account, region)
    if is_opted_out(tx, account, region, number):
        raise OptedOutException()
    row = _sandbox_row(tx, account, region, number)
    if row is not None and row["verified"]:
        raise UserErrorException("The phone number is verified already.")
    if row is None and len(sandbox_numbers(tx, account, region, "", limits.SNS_LIST_MAX)) >= (
        limits.SNS_SMS_SANDBOX_NUMBERS_MAX
    ):
        raise UserErrorException(
            f"An account has up to {limits.SNS_SMS_SANDBOX_NUMBERS_MAX} phone numbers in the SMS sandbox."
        )
    sent = [] if row is None else [at for at in orjson.loads(row["codes"]) if at > tx.now - 86_400]
    if len(sent) >= limits.SNS_SMS_SANDBOX_CODES_MAX:
        raise ThrottledException()
    code = f"{int(names.draw() * 1_000_000):06d}"
    tx.run(
        "INSERT INTO sns_sms_sandbox(account, region, number, verified, touched, code, codes)"
        " VALUES (?, ?, ?, 0, ?, ?, ?) ON CONFLICT(account, region, number) DO UPDATE SET touched = excluded.touched,"
        " code = excluded.code, codes = excluded.codes",
        *(account, region, number, tx.now, code, orjson.dumps([*sent, tx.now])),
    )
    return code


def verify(tx: Tx, account: str, region: str, number: str, code: str) -> None:
    """Messages may be sent to the number."""
    tx.lock("sns", "sms", account, region)
    row = _find_sandbox_row(tx, account, region, number)
    if row["verified"]:
        return
    sent = max(orjson.loads(row["codes"]))
    if row["code"] != code or sent <= tx.now - limits.SNS_SMS_SANDBOX_CODE_S:
        raise VerificationException(Status="Pending")
    tx.run(
        "UPDATE sns_sms_sandbox SET verified = 1, code = NULL, touched = ?"
        " WHERE account = ? AND region = ? AND number = ?",
        *(tx.now, account, region, number),
    )


def drop_from_sandbox(tx: Tx, account: str, region: str, number: str) -> None:
    """The number is not there any more; a day must have passed since something was last done with it."""
    tx.lock("sns", "sms", account, region)
    row = _find_sandbox_row(tx, account, region, number)
    if row["touched"] > tx.now - limits.SNS_SMS_SANDBOX_KEPT_S:
        raise UserErrorException(
            "A phone number can be deleted 24 hours after it was verified, or after the last attempt to verify it."
        )
    tx.run("DELETE FROM sns_sms_sandbox WHERE account = ? AND region = ? AND number = ?", account, region, number)


def sandbox_numbers(tx: Tx, account: str, region: str, after: str, limit: int) -> list[dict[str, str]]:
    """As ListSMSSandboxPhoneNumbers shows them, from the one after `after`."""
    rows = tx.all(
        "SELECT number, verified FROM sns_sms_sandbox WHERE account = ? AND region = ? AND number > ?"
        " ORDER BY number LIMIT ?",
        *(account, region, after, limit),
    )
    return [{"PhoneNumber": row["number"], "Status": "Verified" if row["verified"] else "Pending"} for row in rows]


# --- below -----------------------------------------------------------------------------------------------------------


def _check(name: str, value: str) -> None:
    if value and name in _REFUSED:
        raise NotImplementedHere(_REFUSED[name])
    if name not in _SETTABLE and name not in _REFUSED:
        raise InvalidParameterException(f"{name} is not a valid attribute")
    is_good = not value or {
        "DefaultSMSType": value in SMS_TYPES,
        "DefaultSenderID": text_messages.is_sender_id(value),
        "DeliveryStatusIAMRole": status_attributes.is_role(value),
        "DeliveryStatusSuccessSamplingRate": status_attributes.is_percent(value),
        "MonthlySpendLimit": value.isascii() and value.isdecimal() and len(value) <= 9,
    }.get(name, True)
    if not is_good:
        raise InvalidParameterException(f"{name} is invalid")


def _row(tx: Tx, account: str, region: str) -> Row | None:
    return tx.one("SELECT * FROM sns_sms_accounts WHERE account = ? AND region = ?", account, region)


def _set(row: Row) -> dict[str, str]:
    kept: dict[str, str] = orjson.loads(row["attributes"])
    return kept


def _put(tx: Tx, account: str, region: str, kept: Mapping[str, str], is_in: bool) -> None:
    tx.run(
        "INSERT INTO sns_sms_accounts(account, region, attributes, sandbox) VALUES (?, ?, ?, ?)"
        " ON CONFLICT(account, region) DO UPDATE SET attributes = excluded.attributes, sandbox = excluded.sandbox",
        *(account, region, orjson.dumps(kept), int(is_in)),
    )


def _number_row(tx: Tx, account: str, region: str, number: str) -> Row | None:
    return tx.one(
        "SELECT * FROM sns_sms_numbers WHERE account = ? AND region = ? AND number = ?", account, region, number
    )


def _put_number(tx: Tx, account: str, region: str, number: str, *, is_out: bool, opted_in: float | None) -> None:
    tx.run(
        "INSERT INTO sns_sms_numbers(account, region, number, opted_out, opted_in) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT(account, region, number) DO UPDATE SET opted_out = excluded.opted_out,"
        " opted_in = excluded.opted_in",
        *(account, region, number, int(is_out), opted_in),
    )


def _sandbox_row(tx: Tx, account: str, region: str, number: str) -> Row | None:
    return tx.one(
        "SELECT * FROM sns_sms_sandbox WHERE account = ? AND region = ? AND number = ?", account, region, number
    )


def _find_sandbox_row(tx: Tx, account: str, region: str, number: str) -> Row:
    row = _sandbox_row(tx, account, region, number)
    if row is None:
        raise ResourceNotFoundException("The phone number is not in the SMS sandbox of this account.")
    return row

"""SNS's operations on text messages: settings, opting out, and the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from wakeful import limits
from wakeful.fabric.service import Call
from wakeful.services.sns import paging, sms_accounts
from wakeful.services.sns.api import api
from wakeful.services.sns.errors import InvalidParameterException
from wakeful.services.sns.protocols import phones
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import sns as shapes


@api.reads
def get_sms_attributes(call: Call, tx: Tx, request: shapes.GetSMSAttributesInput) -> shapes.GetSMSAttributesResponse:
    """Those that are asked for and set, else all that are set."""
    found = sms_accounts.attributes(tx, call.account, call.region)
    asked = request.get("attributes") or list(found)
    return {"attributes": {name: found[name] for name in asked if name in found}}


@api.writes
def set_sms_attributes(call: Call, tx: Tx, request: shapes.SetSMSAttributesInput) -> shapes.SetSMSAttributesResponse:
    sms_accounts.set_attributes(tx, call.account, call.region, request["attributes"])
    return {}


@api.reads
def check_if_phone_number_is_opted_out(
    call: Call, tx: Tx, request: shapes.CheckIfPhoneNumberIsOptedOutInput
) -> shapes.CheckIfPhoneNumberIsOptedOutResponse:
    number = sms_accounts.number_of(request["phoneNumber"])
    return {"isOptedOut": sms_accounts.is_opted_out(tx, call.account, call.region, number)}


@api.reads
def list_phone_numbers_opted_out(
    call: Call, tx: Tx, request: shapes.ListPhoneNumbersOptedOutInput
) -> shapes.ListPhoneNumbersOptedOutResponse:
    after = paging.after(request, "nextToken")
    found = sms_accounts.opted_out(tx, call.account, call.region, after, limits.SNS_LIST_MAX + 1)
    page = found[: limits.SNS_LIST_MAX]
    return {"phoneNumbers": page, "nextToken": paging.token(page[-1]) if len(found) > len(page) else None}


@api.writes
def opt_in_phone_number(call: Call, tx: Tx, request: shapes.OptInPhoneNumberInput) -> shapes.OptInPhoneNumberResponse:
    """Messages reach the number again."""
    sms_accounts.opt_in(tx, call.account, call.region, sms_accounts.number_of(request["phoneNumber"]))
    return {}


@api.reads
def list_origination_numbers(
    call: Call, tx: Tx, request: shapes.ListOriginationNumbersRequest
) -> shapes.ListOriginationNumbersResult:
    """None: numbers to send from are bought elsewhere on AWS, and there is nothing to buy here."""
    if "NextToken" in request:
        raise InvalidParameterException("Invalid parameter: NextToken")
    return {"PhoneNumbers": []}


@api.reads
def get_sms_sandbox_account_status(
    call: Call, tx: Tx, request: shapes.GetSMSSandboxAccountStatusInput
) -> shapes.GetSMSSandboxAccountStatusResult:
    return {"IsInSandbox": sms_accounts.is_in_sandbox(tx, call.account, call.region)}


@api.writes
def create_sms_sandbox_phone_number(
    call: Call, tx: Tx, request: shapes.CreateSMSSandboxPhoneNumberInput
) -> shapes.CreateSMSSandboxPhoneNumberResult:
    """The number has a one-time password, which verifies it. Asked again, it has another."""
    number = sms_accounts.number_of(request["PhoneNumber"])
    code = sms_accounts.add_to_sandbox(tx, call.account, call.region, number)
    phones.send_code(tx, call, number, code, request.get("LanguageCode", "en-US"))
    return {}


@api.writes
def verify_sms_sandbox_phone_number(
    call: Call, tx: Tx, request: shapes.VerifySMSSandboxPhoneNumberInput
) -> shapes.VerifySMSSandboxPhoneNumberResult:
    number = sms_accounts.number_of(request["PhoneNumber"])
    sms_accounts.verify(tx, call.account, call.region, number, request["OneTimePassword"])
    return {}


@api.writes
def delete_sms_sandbox_phone_number(
    call: Call, tx: Tx, request: shapes.DeleteSMSSandboxPhoneNumberInput
) -> shapes.DeleteSMSSandboxPhoneNumberResult:
    number = sms_accounts.number_of(request["PhoneNumber"])
    sms_accounts.drop_from_sandbox(tx, call.account, call.region, number)
    return {}


@api.reads
def list_sms_sandbox_phone_numbers(
    call: Call, tx: Tx, request: shapes.ListSMSSandboxPhoneNumbersInput
) -> shapes.ListSMSSandboxPhoneNumbersResult:
    limit = request.get("MaxResults", limits.SNS_LIST_MAX)
    after = paging.after(request)
    found = sms_accounts.sandbox_numbers(tx, call.account, call.region, after, limit + 1)
    page = found[:limit]
    token = paging.token(page[-1]["PhoneNumber"]) if len(found) > limit else None
    return cast("shapes.ListSMSSandboxPhoneNumbersResult", {"PhoneNumbers": page, "NextToken": token})

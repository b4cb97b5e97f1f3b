"""The older SQS protocol: forms in, XML out. Today's model has only the JSON one, so the old names are kept here.

Clients from before November 2023 speak it, and some tools still do. Its names are those of the API version 2012-11-05,
as in "Making Query API requests using AWS JSON protocol in Amazon SQS" and the older "Amazon SQS API Reference".
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from wakeful.wire.model import ServiceModel, raw_model, undocumented

# What an element of a flattened list is called, by the list's shape.
LISTS = {
    "AWSAccountIdList": "AWSAccountId",
    "ActionNameList": "ActionName",
    "AttributeNameList": "AttributeName",
    "BatchResultErrorEntryList": "BatchResultErrorEntry",
    "BinaryList": "BinaryListValue",
    "ChangeMessageVisibilityBatchRequestEntryList": "ChangeMessageVisibilityBatchRequestEntry",
    "ChangeMessageVisibilityBatchResultEntryList": "ChangeMessageVisibilityBatchResultEntry",
    "DeleteMessageBatchRequestEntryList": "DeleteMessageBatchRequestEntry",
    "DeleteMessageBatchResultEntryList": "DeleteMessageBatchResultEntry",
    "ListMessageMoveTasksResultEntryList": "ListMessageMoveTasksResultEntry",
    "MessageAttributeNameList": "MessageAttributeName",
    "MessageList": "Message",
    "MessageSystemAttributeList": "MessageSystemAttributeName",
    "QueueUrlList": "QueueUrl",
    "SendMessageBatchRequestEntryList": "SendMessageBatchRequestEntry",
    "SendMessageBatchResultEntryList": "SendMessageBatchResultEntry",
    "StringList": "StringListValue",
    "TagKeyList": "TagKey",
}

# What an entry of a flattened map is called, and its key and value, by the map's shape.
MAPS = {
    "MessageBodyAttributeMap": ("MessageAttribute", "Name", "Value"),
    "MessageBodySystemAttributeMap": ("MessageSystemAttribute", "Name", "Value"),
    "MessageSystemAttributeMap": ("Attribute", "Name", "Value"),
    "QueueAttributeMap": ("Attribute", "Name", "Value"),
    "TagMap": ("Tag", "Key", "Value"),
}

# The codes and statuses of the older protocol. The JSON protocol answers 400 for all of them and repeats the code in
# the header x-amzn-query-error. Shapes that are missing here kept their name and have the status 400.
ERRORS = {
    "BatchEntryIdsNotDistinct": ("AWS.SimpleQueueService.BatchEntryIdsNotDistinct", 400),
    "BatchRequestTooLong": ("AWS.SimpleQueueService.BatchRequestTooLong", 400),
    "EmptyBatchRequest": ("AWS.SimpleQueueService.EmptyBatchRequest", 400),
    "InvalidAddress": ("InvalidAddress", 404),
    "InvalidBatchEntryId": ("AWS.SimpleQueueService.InvalidBatchEntryId", 400),
    "InvalidSecurity": ("InvalidSecurity", 403),
    "KmsAccessDenied": ("KMS.AccessDeniedException", 400),
    "KmsDisabled": ("KMS.DisabledException", 400),
    "KmsInvalidKeyUsage": ("KMS.InvalidKeyUsageException", 400),
    "KmsInvalidState": ("KMS.InvalidStateException", 400),
    "KmsNotFound": ("KMS.NotFoundException", 400),
    "KmsOptInRequired": ("KMS.OptInRequired", 403),
    "KmsThrottled": ("KMS.ThrottlingException", 400),
    "MessageNotInflight": ("AWS.SimpleQueueService.MessageNotInflight", 400),
    "OverLimit": ("OverLimit", 403),
    "PurgeQueueInProgress": ("AWS.SimpleQueueService.PurgeQueueInProgress", 403),
    "QueueDeletedRecently": ("AWS.SimpleQueueService.QueueDeletedRecently", 400),
    "QueueDoesNotExist": ("AWS.SimpleQueueService.NonExistentQueue", 400),
    "QueueNameExists": ("QueueAlreadyExists", 400),
    "RequestThrottled": ("RequestThrottled", 403),
    "ResourceNotFoundException": ("ResourceNotFoundException", 404),
    "TooManyEntriesInBatchRequest": ("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", 400),
    "UnsupportedOperation": ("AWS.SimpleQueueService.UnsupportedOperation", 400),
    # Of no shape in the model, but answered by SQS:
    "AccessDeniedException": ("AccessDenied", 403),
    "InvalidParameterValueException": ("InvalidParameterValue", 400),
    "MissingRequiredParameterException": ("MissingParameter", 400),
}


@lru_cache(1)
def model() -> ServiceModel:
    """Today's model of SQS, with the older protocol's names, codes and namespace put into it."""
    raw = undocumented(raw_model("sqs"))
    raw["metadata"] |= {"protocol": "query", "xmlNamespace": "http://queue.amazonaws.com/doc/2012-11-05/"}
    for operation in raw["operations"].values():
        if "output" in operation:
            operation["output"]["resultWrapper"] = f"{operation['name']}Result"
    for name, shape in raw["shapes"].items():
        _rename(name, shape, raw["shapes"])
    return ServiceModel(raw, "sqs")


def _rename(name: str, shape: dict[str, Any], shapes: dict[str, Any]) -> None:
    if shape["type"] == "list":
        shape["flattened"] = True
        shape["member"]["locationName"] = LISTS[name]
    elif shape["type"] == "map":
        _, key, value = MAPS[name]
        shape["key"]["locationName"] = key
        shape["value"]["locationName"] = value
    elif shape["type"] == "structure":
        for member in shape["members"].values():
            entry = LISTS.get(member["shape"]) or MAPS.get(member["shape"], (None,))[0]
            if entry is not None:
                member["locationName"] = entry
        if shape.get("exception") and name in ERRORS:
            code, status = ERRORS[name]
            shape["error"] = {"code": code, "httpStatusCode": status, "senderFault": True}

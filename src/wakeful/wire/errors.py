"""Errors the caller should know of. A class has the name of the model's shape; its docstring is AWS's message."""

from __future__ import annotations

from typing import Any, ClassVar


class AwsError(Exception):
    """An error that the API documents. Subclasses are named after the model's error shape.

    `code` and `status` are needed only where the model has no such shape or says nothing; otherwise the codec takes
    them from the model. `members` are the further members of the error's shape, such as Lambda's `Type`.
    """

    code: ClassVar[str | None] = None
    status: ClassVar[int | None] = None

    def __init__(self, message: str | None = None, **members: Any) -> None:
        self.message = message if message is not None else " ".join((type(self).__doc__ or "").split())
        self.members = members
        super().__init__(self.message)

    @property
    def shape_name(self) -> str:
        return type(self).__name__


class NotImplementedHere(AwsError):
    """Wakeful does not have this yet."""

    # 4xx on purpose: clients retry a 5xx many times before they show the message.
    code = "NotImplemented"
    status = 400

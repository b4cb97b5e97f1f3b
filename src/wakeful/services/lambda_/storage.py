"""How much room the packages of an account take: all versions of its functions and of its layers together."""

from __future__ import annotations

from wakeful import limits
from wakeful.services.lambda_ import functions, layers
from wakeful.services.lambda_.errors import CodeStorageExceededException
from wakeful.store.tx import Tx


def used(tx: Tx, account: str, region: str) -> tuple[int, int]:
    """How many functions there are, and the bytes of all that is kept, zipped."""
    count, code_bytes = functions.usage(tx, account, region)
    return count, code_bytes + layers.bytes_of(tx, account, region)


def check(tx: Tx, account: str, region: str, more_bytes: int) -> None:
    """There is room for so many bytes more. Raises CodeStorageExceededException ("Lambda quotas")."""
    if more_bytes <= 0:
        return
    if used(tx, account, region)[1] + more_bytes > limits.LAMBDA_STORAGE_BYTES_MAX:
        raise CodeStorageExceededException

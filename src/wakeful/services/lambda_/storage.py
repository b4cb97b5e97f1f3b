"""How much room the packages of an account take: all versions of its functions and of its layers together."""

from __future__ import annotations

from wakeful import limits
from wakeful.services.lambda_ import functions, layers
from wakeful.services.lambda_.errors import CodeStorageExceededException
from wakeful.store.tx import Tx


def check(tx: Tx, account: str, region: str, more_bytes: int) -> None:
    """There is room for so many bytes more. Raises CodeStorageExceededException ("Lambda quotas")."""
    if more_bytes <= 0:
        return
    held = functions.usage(tx, account, region)[1] + layers.bytes_of(tx, account, region)
    if held + more_bytes > limits.LAMBDA_STORAGE_BYTES_MAX:
        raise CodeStorageExceededException

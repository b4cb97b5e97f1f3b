"""How much code an account keeps: the packages of all versions of functions and layers, zipped ("Lambda quotas")."""

from __future__ import annotations

from wakeful import limits
from wakeful.services.lambda_ import functions, layers
from wakeful.services.lambda_.errors import CodeStorageExceededException
from wakeful.store.tx import Tx


def used(tx: Tx, account: str, region: str) -> tuple[int, int]:
    """How many functions there are, and the bytes of all that is kept."""
    count, code_bytes = functions.usage(tx, account, region)
    return count, code_bytes + layers.bytes_of(tx, account, region)


def check(tx: Tx, account: str, region: str) -> None:
    """Raises CodeStorageExceededException where more is kept now than an account may have; what was added is undone."""
    if used(tx, account, region)[1] > limits.LAMBDA_STORAGE_BYTES_MAX:
        raise CodeStorageExceededException

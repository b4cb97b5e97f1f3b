"""The tables of IAM's and STS's operations; the files that have them fill them."""

from __future__ import annotations

from wakeful.fabric.service import Operations

api = Operations("iam")
sts = Operations("sts", package="iam")

"""S3's operations, as the modules of this package add them."""

from __future__ import annotations

from wakeful.fabric.service import Operations

api = Operations("s3")

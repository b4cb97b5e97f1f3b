"""Types of what operations are asked and answer, for the type checker only: nothing here exists at run time.

Generated from botocore's models by tools/generate_shapes.py; to be imported under `if TYPE_CHECKING`.
"""

"""Lambda's Python runtime. Runs under the function's interpreter, from 3.9 on, and never under the node's."""

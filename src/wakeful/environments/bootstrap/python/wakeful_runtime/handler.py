"""Finds the function that the configuration's handler names."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

from .faults import Fault

Handler = Callable[[Any, Any], Any]


def find(name: str) -> Handler:
    """The callable of `package/module.function`. Faults are named and worded as Lambda's."""
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        raise Fault(
            "Runtime.MalformedHandlerName", f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)"
        )
    if module_name.partition(".")[0] in sys.builtin_module_names:
        raise Fault("Runtime.BuiltInModuleConflict", f"Cannot use built-in module {module_name} as a handler module")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from error
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        raise Fault("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}", trace) from error
    try:
        handler: Handler = getattr(module, function_name)
    except AttributeError:
        raise Fault("Runtime.HandlerNotFound", f"Handler '{function_name}' missing on module '{module_name}'") from None
    return handler

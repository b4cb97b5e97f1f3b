/** Lambda's names for what goes wrong in a function, and the documents and log lines that tell of it. */

import { types } from "node:util";

class Fault extends Error {
  constructor(message) {
    super(message);
    // Not enumerable: the log shows it once, as the error's type.
    Object.defineProperty(this, "name", { value: `Runtime.${new.target.name}` });
    Error.captureStackTrace(this, new.target);
  }
}

export class ImportModuleError extends Fault {}
export class HandlerNotFound extends Fault {}
export class MalformedHandlerName extends Fault {}
export class UserCodeSyntaxError extends Fault {}
export class CallbackHandlerDeprecated extends Fault {}
export class InvalidStreamingOperation extends Fault {}
export class MalformedStreamingHandler extends Fault {}

export class UnhandledPromiseRejection extends Fault {
  constructor(reason, promise) {
    super(String(reason));
    this.reason = reason;
    this.promise = promise;
  }
}

/** The error document that the caller gets. */
export function documentOf(error) {
  try {
    if (types.isNativeError(error) || looksLikeError(error)) {
      return { errorType: error.name, errorMessage: error.message, trace: error.stack.split("\n") };
    }
    return { errorType: typeof error, errorMessage: error.toString(), trace: [] };
  } catch {
    return {
      errorType: "handled",
      errorMessage:
        "callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack",
    };
  }
}

/** An error as the log shows it: with its own properties, and its stack as a list. */
export function loggable(error) {
  const shown = error instanceof Error ? error : new Error(error);
  try {
    return "\t" + JSON.stringify(shown, (name, value) => withOwnProperties(value));
  } catch {
    return "\t" + JSON.stringify(documentOf(shown));
  }
}

function withOwnProperties(value) {
  if (!(value instanceof Error)) return value;
  const shown = { errorType: value.name, errorMessage: value.message, code: value.code, ...value };
  if (typeof value.stack === "string") shown.stack = value.stack.split("\n");
  return shown;
}

function looksLikeError(value) {
  return ["name", "message", "stack"].every((part) => value && typeof value[part] === "string" && value[part]);
}

/** What a function writes to its log: `console` with time, request id and level, as Lambda sets it up. */

import { writeSync } from "node:fs";
import { format } from "node:util";

import { loggable } from "./errors.mjs";

// Known by these names to libraries that instrument functions.
const REQUEST_ID = Symbol.for("aws.lambda.runtime.requestId");
const TENANT_ID = Symbol.for("aws.lambda.runtime.tenantId");

const LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
const NEWLINE = 0x0a;
const NEWLINE_WITHIN = 0xff; // stands for a newline inside one log event; no UTF-8 text contains it

export function setInvocation(requestId, tenantId) {
  globalThis[REQUEST_ID] = requestId;
  globalThis[TENANT_ID] = tenantId;
}

/** `console` writes to the function's log, in the format and from the level on that its configuration asks for. */
export function patchConsole() {
  const write = isJson() ? writeJson : writeText;
  const least = Math.max(0, LEVELS.indexOf((process.env.AWS_LAMBDA_LOG_LEVEL ?? "").toUpperCase()));
  for (const [index, level] of LEVELS.entries()) {
    console[level.toLowerCase()] = index >= least || level === "FATAL" ? (...words) => write(level, words) : () => {};
  }
  console.log = console.info;
}

/** A failure, under the title that Lambda gives it. */
export function logError(title, error) {
  if (isJson()) console.error(error instanceof Error ? error : new Error(error));
  else console.error(title, loggable(error));
}

function isJson() {
  return (process.env.AWS_LAMBDA_LOG_FORMAT ?? "").toUpperCase() === "JSON";
}

function writeText(level, words) {
  const [first, ...rest] = words;
  writeEvent(`${new Date().toISOString()}\t${globalThis[REQUEST_ID]}\t${level}\t${format(first, ...rest)}`);
}

function writeJson(level, words) {
  const entry = { timestamp: new Date().toISOString(), level, requestId: globalThis[REQUEST_ID] };
  if (globalThis[TENANT_ID] !== undefined) entry.tenantId = globalThis[TENANT_ID];
  if (words.length === 1) {
    try {
      writeEvent(JSON.stringify({ ...entry, message: words[0] }, withError));
      return;
    } catch {
      // Circular, or a BigInt: written as text below.
    }
  }
  entry.message = format(...words);
  const error = words.find((word) => word instanceof Error);
  if (words.length > 1 && error !== undefined) Object.assign(entry, errorMembers(error));
  writeEvent(JSON.stringify(entry));
}

function withError(name, value) {
  return value instanceof Error ? { ...errorMembers(value), ...value } : value;
}

function errorMembers(error) {
  return {
    errorType: error.constructor?.name ?? "UnknownError",
    errorMessage: error.message,
    stackTrace: typeof error.stack === "string" ? error.stack.split("\n") : [],
  };
}

/** One log event, even if it has several lines. */
function writeEvent(text) {
  const data = Buffer.from(text + "\n");
  for (let i = data.indexOf(NEWLINE); i < data.length - 1 && i >= 0; i = data.indexOf(NEWLINE, i + 1)) {
    data[i] = NEWLINE_WITHIN;
  }
  let written = 0;
  while (written < data.length) {
    try {
      written += writeSync(1, data, written);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
      // Somebody made the pipe non-blocking, and it is full: wait a moment for its reader.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

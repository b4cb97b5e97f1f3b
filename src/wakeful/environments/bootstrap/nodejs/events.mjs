/** Events, one after the other: the context, the handler in all its styles, and what becomes of each event. */

import { documentOf, UnhandledPromiseRejection } from "./errors.mjs";
import { isAsyncOnly } from "./handler.mjs";
import { logError, setInvocation } from "./log.mjs";
import { ResponseStream, streams } from "./streaming.mjs";

// What happens when the event loop is empty. Known by this name to libraries that instrument functions.
const BEFORE_EXIT = Symbol.for("aws.lambda.beforeExit");
const NOTHING = () => {};
const AT_ONCE = Promise.resolve();

/** Once an event has its answer, whatever else the handler does to answer it counts for nothing. */
export class Runtime {
  handler = null;
  #client;
  #requestId = null;
  #isAnswered = true;
  #stream = null;
  #isAsyncOnly = false;

  constructor(client) {
    this.#client = client;
    globalThis[BEFORE_EXIT] = NOTHING;
    process.on("beforeExit", () => globalThis[BEFORE_EXIT]());
  }

  /** Answers events with `handler`, for as long as the process lives. */
  serve(handler) {
    this.handler = handler;
    this.#isAsyncOnly = isAsyncOnly();
    this.#client.next(this.#take);
  }

  /** From a stack of its own: the ten frames that a trace has are the function's. */
  #take = (headers, body) => void AT_ONCE.then(() => this.handleOnce(headers, body));

  /** What no handler catches fails the event and ends the process, as on Lambda. */
  catchWhatNobodyCatches() {
    process.on("uncaughtException", (error) => this.#giveUp("Uncaught Exception", error, 129));
    process.on("unhandledRejection", (reason, promise) =>
      this.#giveUp("Unhandled Promise Rejection", new UnhandledPromiseRejection(reason, promise), 128),
    );
  }

  /** INIT has failed: logged, told, and the process ends. */
  failToStart(title, error, status) {
    logError(title, error);
    const document = documentOf(error);
    this.#client.failToStart(document.errorType, JSON.stringify(document), () => process.exit(status));
  }

  #giveUp(title, error, status) {
    if (this.handler === null) {
      this.failToStart(title, error, status);
      return;
    }
    logError(title, error);
    if (this.#isAnswered || this.#stream?.hasBegun) process.exit(status);
    this.#isAnswered = true;
    const document = documentOf(error);
    const body = JSON.stringify(document);
    this.#client.failForGood(this.#requestId, document.errorType, body, () => process.exit(status));
  }

  handleOnce(headers, body) {
    this.#requestId = headers["lambda-runtime-aws-request-id"];
    this.#isAnswered = false;
    setInvocation(this.#requestId, headers["lambda-runtime-aws-tenant-id"]);
    const trace = headers["lambda-runtime-trace-id"];
    if (trace) process.env._X_AMZN_TRACE_ID = trace;
    else delete process.env._X_AMZN_TRACE_ID;
    try {
      const event = JSON.parse(body);
      const context = contextOf(headers);
      if (streams(this.handler)) this.#callStreaming(event, context);
      else if (this.#isAsyncOnly) this.#callAsync(event, context);
      else this.#call(event, context);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The handler writes its answer. When it is done and the answer is out, the next event may come. */
  async #callStreaming(event, context) {
    const stream = (this.#stream = new ResponseStream(this.#client, this.#requestId, this.handler));
    const waits = waiting(context, !this.#isAsyncOnly);
    this.#client.hold(true);
    await streamAnswer(this.handler, event, stream, context);
    this.#stream = null;
    if (this.#isDoneWith()) return;
    const next = () => {
      globalThis[BEFORE_EXIT] = NOTHING;
      this.#client.next(this.#take);
    };
    if (waits.forEmptyLoop) {
      this.#client.hold(false);
      globalThis[BEFORE_EXIT] = next;
    } else {
      next();
    }
  }

  #callAsync(event, context) {
    Promise.resolve(this.handler(event, context)).then(
      (result) => this.#complete(result),
      (error) => this.#fail(error),
    );
  }

  /** Callback, context.done and its kin, or a promise: the first that speaks counts. Silence ends with the event loop. */
  #call(event, context) {
    const waits = waiting(context, true);
    let hasSpoken = false;
    const once = (speak) => (...words) => {
      if (hasSpoken) return;
      hasSpoken = true;
      globalThis[BEFORE_EXIT] = NOTHING;
      speak(...words);
    };
    const done = (error, result) => (error === undefined || error === null ? this.#complete(result) : this.#fail(error));
    const callback = once((error, result) => {
      if ((error !== undefined && error !== null) || !waits.forEmptyLoop) {
        done(error, result);
        return;
      }
      globalThis[BEFORE_EXIT] = () => {
        globalThis[BEFORE_EXIT] = NOTHING;
        this.#complete(result);
      };
    });
    context.done = once(done);
    context.succeed = once((result) => done(null, result));
    context.fail = once((error) => done(error ?? "handled"));
    globalThis[BEFORE_EXIT] = () => {
      globalThis[BEFORE_EXIT] = NOTHING;
      hasSpoken = true;
      this.#complete(null);
    };
    const { succeed, fail } = context;
    let result;
    try {
      result = this.handler(event, context, callback);
    } catch (error) {
      callback(error ?? "handled");
      return;
    }
    if (typeof result?.then === "function") result.then(succeed, fail);
  }

  #complete(result) {
    let body;
    try {
      body = bodyOf(result);
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (this.#isDoneWith()) return;
    this.#client.respond(this.#requestId, body, this.#take);
  }

  #fail(error) {
    if (this.#isDoneWith()) return;
    logError("Invoke Error", error);
    const document = documentOf(error);
    const body = JSON.stringify(document);
    this.#client.fail(this.#requestId, document.errorType, body, this.#take);
  }

  #isDoneWith() {
    if (this.#isAnswered) return true;
    this.#isAnswered = true;
    globalThis[BEFORE_EXIT] = NOTHING;
    return false;
  }
}

/** The handler has written its answer, or has failed, and the Runtime API has all of it. */
export async function streamAnswer(handler, event, stream, context) {
  try {
    const pending = handler(event, stream, context);
    if (typeof pending?.then !== "function") throw "Streaming does not support non-async handlers.";
    if ((await pending) !== undefined) console.warn("Streaming handlers ignore return values.");
    await stream.answered;
    if (!stream.writableFinished) throw stream.errored ?? "Response stream is not finished.";
  } catch (error) {
    logError("Invoke Error", error);
    stream.fail(documentOf(error));
    await stream.answered;
  }
}

/** A handler's result as the answer's body. */
export function bodyOf(result) {
  try {
    return JSON.stringify(result === undefined ? null : result) ?? "null";
  } catch {
    throw new Error("Unable to stringify response body");
  }
}

/** Whether an event is over only when the event loop is empty: until Node.js 24 the context lets the handler say. */
function waiting(context, isForHandlerToSay) {
  const waits = { forEmptyLoop: isForHandlerToSay };
  if (!isForHandlerToSay) return waits;
  Object.defineProperty(context, "callbackWaitsForEmptyEventLoop", {
    enumerable: true,
    get: () => waits.forEmptyLoop,
    set: (value) => {
      waits.forEmptyLoop = value;
    },
  });
  return waits;
}

/** As "Using the Lambda context object to retrieve Node.js function information" describes it. */
export function contextOf(headers) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  const context = {
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parsed(headers["lambda-runtime-client-context"], "ClientContext"),
    identity: parsed(headers["lambda-runtime-cognito-identity"], "CognitoIdentity"),
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    tenantId: headers["lambda-runtime-aws-tenant-id"],
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
  return context;
}

function parsed(header, name) {
  if (header === undefined) return undefined;
  try {
    // Header values are bytes; this one is JSON in UTF-8.
    return JSON.parse(Buffer.from(header, "latin1").toString("utf8"));
  } catch (error) {
    throw new Error(`Cannot parse ${name} as json: ${error}`);
  }
}

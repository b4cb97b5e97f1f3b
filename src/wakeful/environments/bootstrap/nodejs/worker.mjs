/** One thread that answers events side by side: it asks for the next before the last is answered. */

import { AsyncLocalStorage } from "node:async_hooks";

import { connect } from "./client.mjs";
import { documentOf, UnhandledPromiseRejection } from "./errors.mjs";
import { bodyOf, contextOf, streamAnswer } from "./events.mjs";
import { hintAtSdk, isAsyncOnly, load } from "./handler.mjs";
import { logError, patchConsole } from "./log.mjs";
import { searchNodePath } from "./node_path.mjs";
import { ResponseStream, streams } from "./streaming.mjs";

// Known by these names to libraries that instrument functions, and to AWS's SDK.
const REQUEST_ID = Symbol.for("aws.lambda.runtime.requestId");
const TENANT_ID = Symbol.for("aws.lambda.runtime.tenantId");
const KEYS = {
  REQUEST_ID: Symbol.for("_AWS_LAMBDA_REQUEST_ID"),
  X_RAY_TRACE_ID: Symbol.for("_AWS_LAMBDA_X_RAY_TRACE_ID"),
  TENANT_ID: Symbol.for("_AWS_LAMBDA_TENANT_ID"),
};

/** What belongs to one invocation, wherever its code is asked: the store that `awslambda.InvokeStore` is on Lambda. */
class InvokeStore {
  #storage = new AsyncLocalStorage();

  run(context, work) {
    return this.#storage.run(context, work);
  }
  getContext() {
    return this.#storage.getStore();
  }
  hasContext() {
    return this.#storage.getStore() !== undefined;
  }
  get(key) {
    return this.#storage.getStore()?.[key];
  }
  set(key, value) {
    if (Object.values(KEYS).includes(key)) throw new Error(`Cannot modify protected Lambda context field: ${String(key)}`);
    const context = this.#storage.getStore();
    if (!context) throw new Error("No context available");
    context[key] = value;
  }
  getRequestId() {
    return this.get(KEYS.REQUEST_ID) ?? "-";
  }
  getXRayTraceId() {
    return this.get(KEYS.X_RAY_TRACE_ID);
  }
  getTenantId() {
    return this.get(KEYS.TENANT_ID);
  }
}

const store = new InvokeStore();
const idle = []; // connections on which nothing is being answered

/** Whoever answers has a connection to itself for as long as that takes. */
async function withConnection(work) {
  const client = idle.pop() ?? (await connect(process.env.AWS_LAMBDA_RUNTIME_API));
  await work(client);
  idle.push(client);
}

async function handle(handler, headers, body) {
  const requestId = headers["lambda-runtime-aws-request-id"];
  const invocationId = headers["lambda-runtime-invocation-id"];
  let result, error;
  try {
    const event = JSON.parse(body);
    const context = contextOf(headers);
    if (streams(handler)) {
      await withConnection((client) => streamAnswer(handler, event, new ResponseStream(client, requestId, handler), context));
      return;
    }
    result = bodyOf(await (isAsyncOnly() ? handler(event, context) : called(handler, event, context)));
  } catch (thrown) {
    logError("Invoke Error", thrown);
    error = documentOf(thrown);
  }
  const answer = error === undefined ? result : JSON.stringify(error);
  await withConnection(
    (client) => new Promise((told) => client.answerOnly(requestId, invocationId, answer, error?.errorType ?? null, told)),
  );
}

/** Callback, context.done and its kin, or a promise: the first that speaks counts. */
function called(handler, event, context) {
  return new Promise((resolve, reject) => {
    const done = (error, result) => (error === undefined || error === null ? resolve(result) : reject(error));
    context.done = done;
    context.succeed = resolve;
    context.fail = (error) => reject(error ?? "handled");
    context.callbackWaitsForEmptyEventLoop = false;
    const result = handler(event, context, done);
    if (typeof result?.then === "function") result.then(resolve, reject);
  });
}

async function work() {
  searchNodePath(); // each thread has a loader of its own
  Object.defineProperty(globalThis, REQUEST_ID, { get: () => store.get(KEYS.REQUEST_ID), configurable: true });
  Object.defineProperty(globalThis, TENANT_ID, { get: () => store.get(KEYS.TENANT_ID), configurable: true });
  patchConsole();
  const client = await connect(process.env.AWS_LAMBDA_RUNTIME_API);
  let handler = null;
  const giveUp = (title, error, status) => {
    logError(title, error);
    if (handler !== null) process.exit(status); // what it was at times out; the other threads go on
    const document = documentOf(error);
    client.failToStart(document.errorType, JSON.stringify(document), () => process.exit(status));
  };
  process.on("uncaughtException", (error) => giveUp("Uncaught Exception", error, 129));
  process.on("unhandledRejection", (reason, promise) =>
    giveUp("Unhandled Promise Rejection", new UnhandledPromiseRejection(reason, promise), 128),
  );
  try {
    const found = await load(process.env.LAMBDA_TASK_ROOT ?? "/var/task", process.env._HANDLER);
    if (globalThis.awslambda) globalThis.awslambda.InvokeStore = store;
    await new Promise(setImmediate); // a promise that was rejected while loading still fails INIT
    handler = found;
  } catch (error) {
    hintAtSdk(error);
    giveUp("Uncaught Exception", error, 129);
    return;
  }
  const take = (headers, body) => {
    client.next(take);
    const own = {
      [KEYS.REQUEST_ID]: headers["lambda-runtime-aws-request-id"],
      [KEYS.X_RAY_TRACE_ID]: headers["lambda-runtime-trace-id"],
      [KEYS.TENANT_ID]: headers["lambda-runtime-aws-tenant-id"],
    };
    setImmediate(() => store.run(own, () => void handle(handler, headers, body)));
  };
  client.next(take);
}

await work();

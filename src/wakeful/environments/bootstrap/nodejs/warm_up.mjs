/** Answers a few made-up events, so that the first real one finds everything loaded and compiled. */

import { createServer } from "node:net";

import { connect } from "./client.mjs";
import { documentOf } from "./errors.mjs";
import { Runtime } from "./events.mjs";
import { load } from "./handler.mjs";

const ROUNDS = 10;
const EVENT =
  "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: warm-up\r\n" +
  "Lambda-Runtime-Deadline-Ms: 0\r\nLambda-Runtime-Invoked-Function-Arn: arn\r\n" +
  'Lambda-Runtime-Trace-Id: Root=1\r\nContent-Length: 14\r\n\r\n{"text": "hi"}';
const ACCEPTED = 'HTTP/1.1 202 Accepted\r\nContent-Length: 16\r\n\r\n{"status":"OK"}\n';

export async function warmUp() {
  await warmUpLoader();
  await warmUpEvents();
  documentOf(new Error());
}

async function warmUpLoader() {
  try {
    await load("/nonexistent", "none.handler");
  } catch {
    // Nothing is there; the way to that answer is loaded now.
  }
  delete globalThis.awslambda;
}

async function warmUpEvents() {
  const server = createServer();
  const listens = new Promise((resolve) => {
    server.once("listening", () => resolve(true));
    server.once("error", () => resolve(false)); // where the walls let nobody listen, the first event is a little slower
  });
  server.listen(0, "127.0.0.1");
  if (!(await listens)) return;
  const accepted = new Promise((resolve) => server.once("connection", resolve));
  const client = await connect(`127.0.0.1:${server.address().port}`);
  const connection = await accepted;
  const listeners = process.listeners("beforeExit");
  const runtime = new Runtime(client);
  await new Promise((resolve) => {
    let rounds = 0;
    connection.on("data", (data) => {
      if (!data.includes("GET ")) return;
      if (rounds === ROUNDS) resolve();
      else connection.write((rounds++ ? ACCEPTED : "") + EVENT);
    });
    runtime.serve(async (event, context) => {
      context.getRemainingTimeInMillis();
      return event;
    });
  });
  client.close();
  connection.destroy();
  await new Promise((resolve) => server.close(resolve));
  for (const listener of process.listeners("beforeExit")) {
    if (!listeners.includes(listener)) process.removeListener("beforeExit", listener);
  }
  delete process.env._X_AMZN_TRACE_ID;
  delete globalThis[Symbol.for("aws.lambda.runtime.requestId")];
}

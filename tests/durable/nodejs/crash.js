// The workflow of scenarios/crash.py on AWS's SDK for JavaScript, killed beside the same checkpoints.
"use strict";

const http = require("node:http");
const { randomUUID } = require("node:crypto");
const { LambdaClient } = require("@aws-sdk/client-lambda");
const { createRetryStrategy, JitterStrategy, StepSemantics, withDurableExecution } = require("@aws/durable-execution-sdk-js");

const retryStrategy = createRetryStrategy({ maxAttempts: 3, initialDelay: { seconds: 1 }, jitter: JitterStrategy.NONE });
let plan = {};

/** What the bucket of effects answers. */
function effects(method, path) {
  return new Promise((resolve, reject) => {
    const url = `${process.env.AWS_ENDPOINT_URL}/${process.env.EFFECTS}${path}`;
    const request = http.request(url, { method }, (response) => {
      let body = "";
      response.on("data", (piece) => (body += piece));
      response.on("end", () => resolve(body));
    });
    request.on("error", reject);
    request.end();
  });
}

const did = (what) => effects("PUT", `/${plan.run}/${what}/${randomUUID()}`);

async function die(when, sent) {
  for (const [number, kill] of (plan.kills ?? []).entries()) {
    if (kill.when !== when || !sent.includes(kill.update)) continue;
    const found = await effects("GET", `?list-type=2&prefix=${plan.run}/killed-${number}/`);
    if (found.includes("<Key>")) continue;
    await did(`killed-${number}`);
    if (kill.node) process.kill(kill.node, "SIGKILL");
    process.kill(process.pid, "SIGKILL");
    await new Promise(() => {}); // it is over, and the signal is on its way
  }
}

const client = new LambdaClient({});
client.middlewareStack.add(
  (next, context) => async (request) => {
    if (context.commandName !== "CheckpointDurableExecutionCommand") return next(request);
    const sent = request.input.Updates.map((each) => `${each.Action} ${each.Name ?? each.SubType}`);
    await die("before", sent);
    const answer = await next(request);
    await die("after", sent);
    return answer;
  },
  { step: "initialize" },
);

function step(context, name, semantics = StepSemantics.AtLeastOncePerRetry) {
  const work = async (its) => {
    await did(`${name}-${its.attempt ?? 1}`);
    return name;
  };
  return context.step(name, work, { semantics, retryStrategy });
}

const once = (context, name) => step(context, name, StepSemantics.AtMostOncePerRetry);

async function order(context) {
  const charged = await once(context, "charge");
  const shipped = await step(context, "ship");
  await context.wait("cool-off", { hours: 1 });
  const both = await context.parallel("both", [
    (child) => step(child, "left"),
    async (child) => {
      await child.wait("pause", { minutes: 10 });
      return step(child, "right");
    },
  ]);
  const approved = await context.waitForCallback("approval", () => did("submitted"));
  const billed = await context.invoke("bill", process.env.BILL, { ...plan, workflow: "bill" });
  const noted = await context.runInChildContext("notes", (child) => once(child, "note"));
  return { steps: [charged, shipped, noted], both: both.getResults(), approved, billed };
}

async function bill(context) {
  const first = await once(context, "invoice");
  await context.wait("print", { minutes: 1 });
  return [first, await step(context, "send")];
}

exports.handler = withDurableExecution(
  (event, context) => {
    plan = event;
    return event.workflow === "bill" ? bill(context) : order(context);
  },
  { client },
);

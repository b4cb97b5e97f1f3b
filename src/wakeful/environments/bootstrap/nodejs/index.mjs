/** Lambda's Node.js runtime: from the start of the process to its end. A cell first warms up and waits for its function. */

import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import Module from "node:module";

import { connect } from "./client.mjs";
import { Runtime } from "./events.mjs";
import { hintAtSdk, load } from "./handler.mjs";
import { patchConsole } from "./log.mjs";
import { searchNodePath } from "./node_path.mjs";
import { warmUp } from "./warm_up.mjs";

const READY = 3; // the descriptor on which a cell says that it waits

/** This process is now the given function's: its variables, nothing on stdin. */
function take(assignment) {
  if (assignment.length === 0) process.exit(0); // given up before it had a function
  closeSync(0);
  openSync("/dev/null", "r");
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, JSON.parse(assignment).variables);
  Module._initPaths(); // NODE_PATH was read when the process started
}

/** Where another version runs than was asked for, layers may have modules for it too. */
function alsoOfThisVersion(layers) {
  const [major] = process.versions.node.split(".");
  if (!process.env.NODE_PATH || process.env.AWS_EXECUTION_ENV === `AWS_Lambda_nodejs${major}.x`) return;
  process.env.NODE_PATH = `${layers}/nodejs/node${major}/node_modules:${process.env.NODE_PATH}`;
  Module._initPaths();
}

async function run() {
  searchNodePath();
  if (process.env.WAKEFUL_CELL) {
    await warmUp();
    writeSync(READY, ".");
    closeSync(READY);
    take(readFileSync(0, "utf8"));
  }
  alsoOfThisVersion(process.env.WAKEFUL_LAYERS_ROOT ?? "/opt");
  delete process.env.WAKEFUL_LAYERS_ROOT;
  delete process.env.WAKEFUL_DEBUGGER; // the process was started with what it says
  const root = process.env.LAMBDA_TASK_ROOT ?? "/var/task";
  process.chdir(root);
  if (process.env.AWS_LAMBDA_MAX_CONCURRENCY) {
    const { startWorkers } = await import("./workers.mjs");
    startWorkers();
    return;
  }
  patchConsole();
  const client = await connect(process.env.AWS_LAMBDA_RUNTIME_API);
  const runtime = new Runtime(client);
  runtime.catchWhatNobodyCatches();
  let handler;
  try {
    handler = await load(root, process.env._HANDLER);
  } catch (error) {
    hintAtSdk(error);
    runtime.failToStart("Uncaught Exception", error, 129);
    return;
  }
  await new Promise(setImmediate); // a promise that was rejected while loading still fails INIT
  if (process.env.AWS_LAMBDA_INITIALIZATION_TYPE === "snap-start") await client.restored();
  runtime.serve(handler);
}

await run();

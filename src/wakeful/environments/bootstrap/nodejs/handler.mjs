/** Finds the function that the configuration's handler names: CommonJS or ES module, wherever Lambda would look for it. */

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

import {
  CallbackHandlerDeprecated,
  HandlerNotFound,
  ImportModuleError,
  MalformedHandlerName,
  UserCodeSyntaxError,
} from "./errors.mjs";
import { awslambda, streams } from "./streaming.mjs";

const SDK_IS_MISSING = /Cannot find (module|package) '@(aws-sdk|smithy)\//;
const HOW_TO_GET_SDK =
  "The AWS SDK for JavaScript, or this part of it, was not added to this runtime. See: wakeful runtimes add --help";
const PARTS = /^([^.]*)\.(.*)$/;

// As seen from the runtime's entry point, which is what "Require stack" names.
const require = createRequire(new URL("index.mjs", import.meta.url));

/** From Node.js 24 on a handler has no callback. What counts is the version that was asked for, if another stands in. */
export function isAsyncOnly() {
  const asked = /^AWS_Lambda_nodejs(\d+)/.exec(process.env.AWS_EXECUTION_ENV ?? "");
  return Number(asked ? asked[1] : process.versions.node.split(".")[0]) >= 24;
}

/** The function that `name` ("folder/module.function") names, below `root`. */
export async function load(root, name) {
  if (name.includes("..")) {
    throw new MalformedHandlerName(
      `'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
    );
  }
  const last = basename(name);
  const folder = name.substring(0, name.indexOf(last));
  const parts = last.match(PARTS);
  if (!parts) throw new MalformedHandlerName("Bad handler");
  offerStreaming();
  const module = await loaded(root, folder, parts[1]);
  const handler = parts[2].split(".").reduce((inner, key) => inner && inner[key], module);
  if (!handler) throw new HandlerNotFound(`${name} is undefined or not exported`);
  if (typeof handler !== "function") throw new HandlerNotFound(`${name} is not a function`);
  if (!streams(handler) && isAsyncOnly() && handler.length >= 3) {
    throw new CallbackHandlerDeprecated(
      "ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. " +
        "You need to modify this function to use a supported handler signature to use Node.js 24 or later. " +
        "For more information see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.",
    );
  }
  return handler;
}

/** Whoever misses the SDK in the runtime hears how to get it. */
export function hintAtSdk(error) {
  if (SDK_IS_MISSING.test(error?.message)) console.warn(HOW_TO_GET_SDK);
}

async function loaded(root, folder, module) {
  try {
    return await find(root, folder, module);
  } catch (error) {
    if (error instanceof SyntaxError) throw new UserCodeSyntaxError(error);
    if (error?.code === "MODULE_NOT_FOUND") throw new ImportModuleError(error);
    throw error;
  }
}

async function find(root, folder, module) {
  const path = resolve(root, folder, module);
  if (existsSync(path)) {
    const found = require(path);
    if (found) return found;
  }
  if (existsSync(`${path}.js`)) {
    return isInModulePackage(dirname(path)) ? import(pathToFileURL(`${path}.js`)) : require(`${path}.js`);
  }
  if (existsSync(`${path}.mjs`)) return import(pathToFileURL(`${path}.mjs`));
  if (existsSync(`${path}.cjs`)) return require(`${path}.cjs`);
  return require(require.resolve(module, { paths: [root, join(root, folder)] }));
}

/** Whether the nearest package.json says `"type": "module"`. */
function isInModulePackage(folder) {
  for (;;) {
    if (basename(folder) === "node_modules") return false;
    const file = join(folder, "package.json");
    if (existsSync(file)) {
      try {
        return JSON.parse(readFileSync(file, "utf8"))?.type === "module";
      } catch (error) {
        console.warn(`${file} cannot be read, it will be ignored for ES module detection purposes.`, error);
        return false;
      }
    }
    if (dirname(folder) === folder) return false;
    folder = dirname(folder);
  }
}

function offerStreaming() {
  if (!["1", "true"].includes(process.env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA)) {
    globalThis.awslambda = awslambda;
  }
}

// Durable functions on the SDK that AWS publishes: the scenarios of its own examples, under the same names.
"use strict";

const { setTimeout: sleep } = require("node:timers/promises");
const { GetDurableExecutionCommand, LambdaClient } = require("@aws-sdk/client-lambda");
const {
  createRetryStrategy,
  createWaitStrategy,
  JitterStrategy,
  StepSemantics,
  withDurableExecution,
} = require("@aws/durable-execution-sdk-js");

const once = { retryStrategy: () => ({ shouldRetry: false }) };

function retries(maxAttempts, seconds = 1) {
  const initialDelay = { seconds };
  return createRetryStrategy({ maxAttempts, initialDelay, backoffRate: 1, jitter: JitterStrategy.NONE });
}

function told(batch) {
  return {
    reason: batch.completionReason,
    results: batch.getResults(),
    failed: batch.failureCount,
    all: batch.all.map((item) => item.status),
  };
}

function says(error) {
  return { kind: error.constructor.name, type: error.errorType, message: error.message };
}

const scenarios = {
  "hello-world": async (event) => `Hello, ${event.to}!`,

  "step-basic": (event, context) => context.step(async () => "step completed"),

  "step-with-retry": (event, context) =>
    context.step(
      "unreliable",
      async (step) => {
        const attempt = step.attempt ?? 1;
        if (attempt < event.succeedsAt) throw new RangeError(`attempt ${attempt}`);
        return `succeeded at ${attempt}`;
      },
      { retryStrategy: retries(event.attempts, event.delay_s) },
    ),

  "step-interrupted": (event, context) =>
    context.step(
      "flaky",
      async () => {
        process.kill(process.pid, "SIGKILL");
        return "never";
      },
      { semantics: StepSemantics[event.semantics], retryStrategy: retries(event.attempts) },
    ),

  held: async (event, context) => {
    const ask = { DurableExecutionArn: context.executionContext.durableExecutionArn };
    const client = new LambdaClient({});
    const held = await context.step("hold", async () => {
      while ((await client.send(new GetDurableExecutionCommand(ask))).Status === "RUNNING") await sleep(20);
      return "held";
    });
    return [held, await context.step("after", async () => "after")];
  },

  wait: async (event, context) => {
    await context.wait({ seconds: event.seconds });
    return "waited";
  },

  "multiple-waits": async (event, context) => {
    await context.wait("wait-1", { seconds: 5 });
    await context.wait("wait-2", { minutes: 5 });
    return "waited twice";
  },

  "long-wait": async (event, context) => {
    const before = await context.step("before", async () => "before");
    await context.wait("a-year", { days: 365 });
    return [before, await context.step("after", async () => "after")];
  },

  "wait-for-condition": (event, context) =>
    context.waitForCondition("count", async (state) => state + 1, {
      initialState: 0,
      waitStrategy: createWaitStrategy({
        shouldContinuePolling: (state) => state < event.threshold,
        initialDelay: { seconds: 10 },
        backoffRate: 2,
        jitter: JitterStrategy.NONE,
      }),
    }),

  "create-callback": async (event, context) => {
    const seconds = event.timeout_s;
    const config = seconds ? { timeout: { seconds } } : {};
    if (event.heartbeat_s) config.heartbeatTimeout = { seconds: event.heartbeat_s };
    const [promise] = await context.createCallback("callback", config);
    try {
      return await promise;
    } catch (error) {
      if (event.caught) return says(error);
      throw error;
    }
  },

  "create-callback-concurrent": async (event, context) => {
    const promises = [];
    for (const name of ["api-1", "api-2", "api-3"]) {
      const [promise] = await context.createCallback(name);
      promises.push(promise);
    }
    return context.promise.all(promises);
  },

  "wait-for-callback": (event, context) =>
    context.waitForCallback("approval", async (callbackId) => console.log(`SUBMITTED ${callbackId}`), {
      timeout: { hours: 1 },
    }),

  "run-in-child-context": (event, context) =>
    context.runInChildContext("child", async (child) => (await child.step("child-step", async () => 5)) * 2),

  "block-example": (event, context) =>
    context.runInChildContext("parent_block", async (parent) => {
      const nestedStep = await parent.step("nested_step", async () => "nested step result");
      const nestedBlock = await parent.runInChildContext("nested_block", async (child) => {
        await child.wait({ seconds: 1 });
        return "nested block result";
      });
      return { nestedStep, nestedBlock };
    }),

  "large-result-checkpointing": async (event, context) => {
    const made = await context.runInChildContext("large", async (child) => {
      const pieces = [];
      for (let n = 0; n < 6; n++) {
        pieces.push(await child.step(`piece-${n}`, async () => String(n).repeat(50_000)));
      }
      return pieces.join("");
    });
    await context.wait("replay", { seconds: 1 });
    return { characters: made.length, last: made.at(-1) };
  },

  "parallel-basic": async (event, context) => {
    const branches = [];
    for (let n = 1; n <= event.branches; n++) {
      branches.push((child) =>
        child.step(
          `step-${n}`,
          async () => {
            if (event.failing?.includes(n)) throw new Error(`task ${n} fails`);
            return `task-${n}`;
          },
          once,
        ),
      );
    }
    const config = { maxConcurrency: event.maxConcurrency, completionConfig: event.completion };
    const batch = await context.parallel("parallel", branches, config);
    await context.wait("replay", { seconds: 1 });
    return told(batch);
  },

  "parallel-wait": async (event, context) => {
    const branch = (seconds) => async (child) => {
      await child.wait(`wait-${seconds}`, { seconds });
      return `waited ${seconds}`;
    };
    return (await context.parallel("waits", [branch(3600), branch(60), branch(600)])).getResults();
  },

  "map-basic": async (event, context) => {
    const square = (child, item, index) => child.step(`square-${index}`, async () => item * item);
    const config = { maxConcurrency: event.maxConcurrency, completionConfig: event.completion };
    return told(await context.map("squares", event.items, square, config));
  },

  "promise-all": async (event, context) =>
    context.promise.all(
      "together",
      [1, 2, 3].map((n) => context.step(`step-${n}`, async () => n)),
    ),

  "invoke-simple": async (event, context) => {
    try {
      return await context.invoke("invoke", process.env[event.target], event.payload);
    } catch (error) {
      return says(error);
    }
  },

  "handler-error": async () => {
    throw new Error("Intentional handler failure");
  },

  "step-error-determinism": async (event, context) => {
    let said;
    try {
      await context.step("refuse", async () => Promise.reject(new TypeError("no such order")), once);
    } catch (error) {
      said = { ...says(error), cause: error.cause?.message };
    }
    await context.wait("replay", { seconds: 1 });
    return said;
  },

  "undefined-results": async (event, context) => {
    await context.step("nothing", async () => undefined);
    await context.wait("replay", { seconds: 1 });
    return (await context.step("nothing-again", async () => undefined)) === undefined;
  },

  logger: async (event, context) => {
    context.logger.info(`begins for ${event.to}`);
    await context.step("work", async (step) => step.logger.info(`works for ${event.to}`));
    await context.wait("replay", { seconds: 1 });
    context.logger.info(`ends for ${event.to}`);
    return "done";
  },

  "not-deterministic": async (event, context) => {
    const replays = globalThis.seen?.has(context.executionContext.durableExecutionArn);
    (globalThis.seen ??= new Set()).add(context.executionContext.durableExecutionArn);
    if (replays) return context.step("identity-slot", async () => "never");
    await context.wait("identity-slot", { seconds: 1 });
    return "unreached";
  },

  "comprehensive-operations": async (event, context) => {
    const step1 = await context.step("step1", async () => "Step 1 completed successfully");
    await context.wait({ seconds: 1 });
    const numbers = await context.map("map-numbers", [1, 2, 3, 4, 5], (child, item, index) =>
      child.step(`map-step-${index}`, async () => item),
    );
    const fruits = await context.parallel(
      ["apple", "banana", "orange"].map(
        (fruit, index) => (child) => child.step(`fruit-step-${index + 1}`, async () => fruit),
      ),
    );
    return { step1, numbers: numbers.getResults(), fruits: fruits.getResults() };
  },
};

exports.handler = withDurableExecution((event, context) => scenarios[event.scenario](event, context));

exports.plain = async (event) => {
  if (event.error) throw new RangeError(event.error);
  return { doubled: event.number * 2 };
};

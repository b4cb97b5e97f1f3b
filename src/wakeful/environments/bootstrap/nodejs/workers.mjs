/** Several threads for several invocations at a time, as Lambda Managed Instances have them: each runs INIT itself. */

import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";

/** One thread for each processor, unless the function says how many. With the last of them the process ends. */
export function startWorkers() {
  const slots = Number(process.env.AWS_LAMBDA_MAX_CONCURRENCY);
  const wanted = Number(process.env.AWS_LAMBDA_NODEJS_WORKER_COUNT) || Math.min(slots, availableParallelism());
  let left = wanted;
  for (let i = 0; i < wanted; i++) {
    const worker = new Worker(new URL("worker.mjs", import.meta.url));
    worker.on("error", () => {}); // it has said why in the log
    worker.on("exit", () => {
      left -= 1;
      if (left === 0) process.exit(1);
    });
  }
}

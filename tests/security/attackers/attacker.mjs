// Attacks in JavaScript, when the function is loaded. See tests/security/test_attackers.py for the protocol.
import { spawnSync } from "node:child_process";
import { closeSync, openSync, readdirSync, readlinkSync, writeSync } from "node:fs";
import { createConnection } from "node:net";

const words = (process.env.WORDS ?? "").split(" ").filter(Boolean);
const say = (what) => writeSync(1, `${what}\n`);

function gained(what, attempt) {
  try {
    attempt();
  } catch {
    return;
  }
  say(what);
}

const opened = (path, flags) => gained(path, () => closeSync(openSync(path, flags)));
const reached = (port) =>
  new Promise((resolve) => {
    const client = createConnection(Number(port), "127.0.0.1");
    client.once("error", resolve);
    client.once("connect", () => {
      say(port);
      resolve();
    });
  });

const attacks = {
  read: () => words.forEach((path) => opened(path, "r")),
  write: () => words.forEach((path) => opened(path, "a")),
  signal: () => words.forEach((pid) => gained(pid, () => process.kill(Number(pid), 0))),
  connect: () => Promise.all(words.map(reached)),
  look: () => words.flatMap((pid) => [`/proc/${pid}/mem`, `/proc/${pid}/environ`]).forEach((path) => opened(path, "r")),
  // A child of the function's, from its own package, is as closed in as it is.
  calls: () => {
    const child = spawnSync(`${process.env.LAMBDA_TASK_ROOT}/attacker`, { env: { ATTACK: "calls" } });
    if (child.status !== 0) throw child.error ?? new Error(`status ${child.status}`);
    writeSync(1, child.stdout);
  },
};

if (attacks[process.env.ATTACK] === undefined) process.exit(3);
await attacks[process.env.ATTACK]();
process.exit(0);

export const handler = async () => readdirSync(readlinkSync("/proc/self/cwd"));

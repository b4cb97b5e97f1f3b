// Attacks in JavaScript, when the function is loaded. See tests/security/test_attackers.py for the protocol.
import { spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { lookup } from "node:dns";
import { closeSync, fstatSync, lstatSync, openSync, readdirSync, readFileSync, readlinkSync, statSync, writeSync } from "node:fs";
import { createConnection } from "node:net";
import { fileURLToPath } from "node:url";

const PATIENCE_MS = 300;
const LEFT_OUT = ["/usr", "/proc", "/sys", "/dev"];

const tried = (attempt) => {
  try {
    return attempt();
  } catch {
    return undefined;
  }
};
const opens = (path, flags) => tried(() => (closeSync(openSync(path, flags)), true));
const numbersIn = (folder) => (tried(() => readdirSync(folder)) ?? []).filter((name) => /^\d+$/.test(name));

// Whoever is not refused has reached somebody.
const connects = (where) =>
  new Promise((resolve) => {
    const client = createConnection(where);
    const end = (was) => (client.destroy(), resolve(was));
    client.once("error", () => end(false)).once("connect", () => end(true));
    setTimeout(end, PATIENCE_MS, true).unref();
  });
const sends = (host, port) =>
  new Promise((resolve) => {
    const client = createSocket(host.includes(":") ? "udp6" : "udp4");
    const end = (was) => resolve((tried(() => client.close()), was));
    client.once("error", () => end(false)).once("message", () => end(true));
    tried(() => client.connect(port, host, (error) => (error ? end(false) : client.send("?", (failed) => failed && end(false)))));
    setTimeout(end, PATIENCE_MS, true);
  });
const resolves = (name) => new Promise((resolve) => lookup(name, (error) => resolve(!error)));

function reach(word) {
  const [kind, ...where] = word.split("/");
  const [host, port] = [where[0], Number(where[1])];
  if (kind === "tcp") return connects({ host, port });
  if (kind === "udp") return sends(host, port);
  if (kind === "name") return resolves(host);
  return connects({ path: kind === "abstract" ? `\0${host}` : where.join("/") });
}

function* filesIn(path) {
  if (LEFT_OUT.includes(path)) return;
  const kind = tried(() => lstatSync(path));
  if (kind?.isFile()) yield path;
  if (kind?.isDirectory())
    for (const name of tried(() => readdirSync(path)) ?? []) yield* filesIn(path === "/" ? `/${name}` : `${path}/${name}`);
}

function search([backwards, ...roots]) {
  const needle = [...backwards].reverse().join("");
  const others = numbersIn("/proc").filter((pid) => Number(pid) !== process.pid);
  const said = numbersIn("/proc").flatMap((pid) => [`/proc/${pid}/environ`, `/proc/${pid}/cmdline`]);
  const holding = [...roots.flatMap((root) => [...filesIn(root)]), ...said].filter((path) => tried(() => readFileSync(path).includes(needle)));
  return [...holding, ...others.map((pid) => `/proc/${pid}/mem`).filter((path) => opens(path, "r"))];
}

// The runtime's connection to its own Runtime API.
const isRuntimeApi = (number) =>
  process._getActiveHandles().some(({ _handle: handle, remoteAddress, remotePort }) =>
    handle?.fd === number && `${remoteAddress}:${remotePort}` === process.env.AWS_LAMBDA_RUNTIME_API);

// Those that lead where no name leads from here.
const descriptors = () =>
  numbersIn("/proc/self/fd").flatMap((number) => {
    const target = tried(() => readlinkSync(`/proc/self/fd/${number}`));
    if (Number(number) < 3 || isRuntimeApi(Number(number)) || target === undefined || /^(pipe|anon_inode):/.test(target)) return [];
    const [here, there] = [tried(() => fstatSync(Number(number))), tried(() => statSync(target))];
    return here && here.ino === there?.ino && here.dev === there?.dev ? [] : [target];
  });

// A child of the function's, from its own package, is as closed in as it is.
function child(attack) {
  const { status, error, stdout } = spawnSync(fileURLToPath(new URL("attacker", import.meta.url)), { env: { ATTACKS: attack } });
  if (status !== 0) throw error ?? new Error(`status ${status}`);
  return `${stdout}`.split("\n").filter((line) => line.startsWith(`${attack} `)).map((line) => line.slice(attack.length + 1));
}

async function those(words, achieve) {
  const answers = await Promise.all(words.map(achieve));
  return words.filter((_, place) => answers[place]);
}

const attacks = {
  read: (words) => those(words, (path) => opens(path, "r")),
  write: (words) => those(words, (path) => opens(path, "a")),
  signal: (words) => those(words, (pid) => tried(() => process.kill(Number(pid), 0))),
  look: (words) => those(words.flatMap((pid) => [`/proc/${pid}/mem`, `/proc/${pid}/environ`]), (path) => opens(path, "r")),
  reach: (words) => those(words, reach),
  search,
  descriptors,
  calls: () => child("calls"),
  sockets: () => child("sockets"),
};

for (const line of process.env.ATTACKS.split("\n")) {
  const [attack, ...words] = line.split(" ");
  const gained = attacks[attack] ? await attacks[attack](words) : null;
  const lines = gained === null ? [`unknown ${attack}`] : gained.map((what) => `${attack} ${what}`);
  writeSync(1, lines.map((each) => `${each}\n`).join(""));
}
writeSync(1, "done\n");
process.exit(0);

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, expect, onTestFinished, test } from "vitest";
import { until } from "../../support/until.ts";
import { runWithInput } from "../netlink/support/run.ts";
import { namespacePath, testNamespaces } from "../netlink/support/test-namespaces.ts";
import { end } from "./inside.ts";
import type { FromTableProcess, ToTableProcess } from "./table-watch-process.ts";

const namespaces = testNamespaces();
const table = "inet headcni_allowlist";
afterAll(() => namespaces.removeAll());

/** The allowlist, loaded and watched by a process in a namespace of its own. */
async function watched(label: string) {
  const netns = await namespaces.add(label);
  const entry = fileURLToPath(new URL("./table-watch-process.ts", import.meta.url));
  const child: ChildProcess = spawn("nsenter", [`--net=${namespacePath(netns)}`, process.execPath, entry], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  onTestFinished(() => end(child));
  const heard: string[] = [];
  const done: string[] = [];
  child.on("message", (message: FromTableProcess) => {
    if ("done" in message) done.push(message.done);
    else heard.push("heard" in message ? message.heard : `failed: ${message.failed}`);
  });
  await until(() => done.includes("start"), "the process watches");
  const say = async (message: ToTableProcess) => {
    const before = done.length;
    child.send(message);
    await until(() => done.length > before, `${message.say} is done`);
  };
  const nft = (script: string) =>
    runWithInput(script, "nsenter", `--net=${namespacePath(netns)}`, "nft", "-f", "-");
  const tells = async (script: string, ...names: readonly string[]) => {
    heard.splice(0);
    await nft(script);
    await until(() => heard.length >= names.length, `${names.length} changes are told`);
    expect(heard).toEqual(names);
  };
  await say({ say: "load", believed: ["10.244.2.0/24"] });
  return { child, heard, say, nft, tells };
}

test("whoever deletes, empties or changes the table is told with the name of the process, each transaction once", async () => {
  const { say, tells } = await watched("table-foreign");
  for (const script of [
    `delete table ${table}`,
    "flush ruleset",
    `delete element ${table} believed4 { 10.244.2.0/24 }`,
    `add element ${table} believed4 { 10.244.9.0/24 }`,
    `flush set ${table} believed4`,
    `flush chain ${table} forward`,
    `flush chain ${table} forward; delete chain ${table} forward`,
    `insert rule ${table} forward accept`,
    `add table ${table} { flags dormant; }`,
  ]) {
    await tells(script, "nft");
    await say({ say: "load", believed: ["10.244.2.0/24"] });
  }
});

test("our own loads, and what others do to other tables, tell nothing", async () => {
  const { heard, say, nft } = await watched("table-own");
  for (const believed of [[], ["10.244.3.0/24"], ["10.244.3.0/24"], []]) await say({ say: "load", believed });
  await nft("add table inet headcni; add table inet other; delete table inet other");
  // Told in order: nothing came before it.
  await nft(`delete table ${table}`);
  await until(() => heard.length > 0, "the last change is told");
  expect(heard).toEqual(["nft"]);
});

test("a change during a load of ours is told after it", async () => {
  const { heard, say } = await watched("table-disturbed");
  await say({ say: "disturbed", script: "add table inet other" });
  expect(heard).toEqual([]);
  await say({ say: "disturbed", script: `delete table ${table}` });
  expect(heard).toEqual(["nft"]);
});

test("no watch keeps its process from ending, in order or in the midst of it", async () => {
  for (const [how, code] of [
    ["stop", 0],
    ["exit", 7],
  ] as const) {
    const { child } = await watched(`table-${how}`);
    child.send({ say: how } satisfies ToTableProcess);
    expect(await once(child, "exit")).toEqual([code, null]);
  }
});

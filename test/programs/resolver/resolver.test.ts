import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { resolverCommand } from "../../../src/adapters/tailscale/resolver-command.ts";
import { serverFailure } from "../../../src/programs/resolver/forward-datagrams.ts";
import { run } from "../../adapters/netlink/support/run.ts";
import { namespacePath, testNamespaces } from "../../adapters/netlink/support/test-namespaces.ts";
import { until } from "../../support/until.ts";

const traffic = join(import.meta.dirname, "..", "..", "lab", "traffic");
const namespaces = testNamespaces();
const limitMs = 60_000;
let node: string;
let tailnet: string;

beforeAll(async () => {
  [node, tailnet] = [await namespaces.add("node"), await namespaces.add("x")];
});
afterAll(() => namespaces.removeAll());

function start(netns: string, command: readonly string[], extra: readonly number[] = []): ChildProcess {
  const child = spawn("nsenter", [`--net=${namespacePath(netns)}`, "--", ...command], {
    stdio: ["pipe", "inherit", "pipe", ...extra],
  });
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  });
  return child;
}

/** Starts headcni-resolver with what a container of the chart may do, and gives it with what it says. */
function startResolver(addresses: readonly string[], place = { of: tailnet, node }) {
  const descriptor = openSync(namespacePath(place.node), "r");
  const confined = ["setpriv", "--inh-caps=-all", "--bounding-set=-all,+net_admin,+net_raw,+sys_admin", "--"];
  const command = resolverCommand(addresses, { nodeDescriptor: 3, sysctlDir: "/proc/sys" });
  const child = start(place.of, [...confined, ...command], [descriptor]);
  closeSync(descriptor);
  const said: string[] = [];
  child.stderr?.on("data", (chunk: Buffer) => said.push(chunk.toString()));
  const says = (text: string) => until(() => said.join("").includes(text), `"${text}" is said`, limitMs);
  return { child, says };
}

const program = (name: string) => [process.execPath, join(traffic, name)] as const;
const serve = (...args: string[]) =>
  start(node, [...program("name-server.ts"), "headscale.example", "192.0.2.7", ...args]);
const ask = async (netns: string, ...args: string[]) =>
  (await run("nsenter", `--net=${namespacePath(netns)}`, "--", ...program("name-client.ts"), ...args)).trim();
const untilServed = (server: string) =>
  until(async () => (await ask(node, "udp", server, "headscale.example")) === "192.0.2.7", server, limitMs);

test.each(["127.0.0.1", "127.0.0.53", "::1"])(
  "a name server on %s of the node answers in X",
  async (server) => {
    serve(server);
    await untilServed(server);
    expect(await ask(tailnet, "udp", server, "headscale.example")).not.toBe("192.0.2.7");
    await startResolver([server]).says("forwards");
    for (const transport of ["udp", "tcp"]) {
      expect(await ask(tailnet, transport, server, "headscale.example")).toBe("192.0.2.7");
      expect(await ask(tailnet, transport, server, "other.example")).toContain("code 3");
    }
  },
);

test("a name server that hears only what comes over lo, as systemd-resolved, answers in X", async () => {
  serve("127.0.0.53", "lo");
  await untilServed("127.0.0.53");
  await startResolver(["127.0.0.53"]).says("forwards");
  expect(await ask(tailnet, "udp", "127.0.0.53", "headscale.example")).toBe("192.0.2.7");
});

test("where nobody answers on the node, X hears so at once; a server that comes later is found", async () => {
  await startResolver(["127.0.0.1"]).says("forwards");
  expect(await ask(tailnet, "udp", "127.0.0.1", "headscale.example")).toContain("code 2");
  expect(await ask(tailnet, "tcp", "127.0.0.1", "headscale.example")).toMatch(/ended|ECONNRESET/);
  serve("127.0.0.1");
  await untilServed("127.0.0.1");
  expect(await ask(tailnet, "udp", "127.0.0.1", "headscale.example")).toBe("192.0.2.7");
});

test("an address that X does not have costs the others nothing", async () => {
  const plain = await namespaces.add("v4");
  await run("nsenter", `--net=${namespacePath(plain)}`, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1");
  serve("127.0.0.1");
  await untilServed("127.0.0.1");
  const { says } = startResolver(["::1", "127.0.0.1"], { of: plain, node });
  await says("EADDRNOTAVAIL");
  await says("forwards 127.0.0.1");
  expect(await ask(plain, "udp", "127.0.0.1", "headscale.example")).toBe("192.0.2.7");
});

test("it ends with its stdin, and refuses to work in the node's namespace", async () => {
  const { child, says } = startResolver(["127.0.0.1"]);
  await says("forwards");
  child.stdin?.end();
  await once(child, "exit");
  expect(child.exitCode).toBe(0);
  const misplaced = startResolver(["127.0.0.1"], { of: node, node });
  await misplaced.says("this is the node's namespace");
  const value = await run(
    "nsenter",
    `--net=${namespacePath(node)}`,
    "sysctl",
    "-n",
    "net.ipv4.ip_unprivileged_port_start",
  );
  expect(value.trim()).not.toBe("53");
});

test("a refusal answers the question that was asked", () => {
  const query = Buffer.from("4843010000010000000000000161000001 0001".replace(" ", ""), "hex");
  expect(serverFailure(query)?.toString("hex")).toBe("48438102000100000000000001610000010001");
  expect(serverFailure(Buffer.alloc(11))).toBeUndefined();
});

import { spawn } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { inNetns } from "../../lab/network/netns.ts";
import { until } from "../../support/until.ts";
import { type GuardedNode, guardedNode, uplinkAddress } from "./guarded-node.ts";
import { addPod } from "./pod-in-namespace.ts";
import { sampleSettings } from "./sample-settings.ts";

let node: GuardedNode;
let pod: Awaited<ReturnType<typeof addPod>>;

/** What Docker leaves behind: a policy, and chains of its own that come first. */
const dockerLike = [
  "*filter",
  ":INPUT ACCEPT",
  ":FORWARD DROP",
  ":OUTPUT ACCEPT",
  ":DOCKER-USER - [0:0]",
  "-A FORWARD -j DOCKER-USER",
  "-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
  "-A DOCKER-USER -j RETURN",
  "COMMIT",
  "",
].join("\n");

/** The shape of firewalld's table: the end of the base chain rejects, its policy accepts. */
const firewalldLike = `
table inet firewalld {
  chain filter_FORWARD {
    type filter hook forward priority filter + 10; policy accept;
    ct state { established, related } accept
    reject with icmpx admin-prohibited
  }
  chain filter_INPUT {
    type filter hook input priority filter + 10; policy accept;
    ct state { established, related } accept
    iifname "lo" accept
    reject with icmpx admin-prohibited
  }
}`;

beforeAll(async () => {
  const allowFromUnderlay = { prefixes: [`${uplinkAddress}/32`], links: [] };
  node = await guardedNode("foreign", { ...sampleSettings, allowFromUnderlay });
  await feed(["iptables-restore"], dockerLike);
  await node.start();
  pod = await addPod(node, "foreign", "10.244.1.5");
});
afterAll(async () => {
  await pod?.remove();
  await node?.remove();
});

const feed = (command: readonly [string, ...string[]], input: string) => node.inNodeWith(input, ...command);
const forwardRules = () => node.inNode("iptables", "-S", "FORWARD");

test("a pod talks through Docker's FORWARD drop, and iptables still reads its table", async () => {
  expect(await pod.answers(uplinkAddress)).toBe(true);
  const lines = (await forwardRules()).split("\n");
  expect(lines[0]).toBe("-P FORWARD DROP");
  expect(lines[1]).toMatch(/^-A FORWARD -i headcni0 -m comment --comment "?headcni:from-tailnet:/);
  expect(lines.filter((line) => line.includes("headcni:"))).toHaveLength(6);
});

test("what the LAN routes to a pod by itself stays dropped, though we would let it in", async () => {
  await node.inUplink("ip", "route", "add", "10.244.1.0/24", "via", "10.77.0.2");
  expect(await node.uplinkReaches("10.244.1.5")).toBe(false);
  await node.inNode("iptables", "-P", "FORWARD", "ACCEPT");
  await until(
    async () => !(await forwardRules()).includes("headcni:"),
    "nothing of ours where nothing drops",
  );
  expect(await node.uplinkReaches("10.244.1.5")).toBe(true);
  await node.inNode("iptables", "-P", "FORWARD", "DROP");
  await until(async () => (await forwardRules()).includes("headcni:from-pods"), "the accepts are back");
  await node.inUplink("ip", "route", "del", "10.244.1.0/24");
});

test("rules put in front of ours do no harm, a reject in front of ours does and is repaired", async () => {
  // The repairs that the test before called for are counted only once they are proven.
  await node.settled();
  const count = node.view().repairs["node.foreignFirewall"] ?? 0;
  await node.inNode("iptables", "-I", "FORWARD", "-j", "DOCKER-USER");
  await node.settled();
  expect(node.view().repairs["node.foreignFirewall"] ?? 0).toBe(count);
  await node.inNode("iptables", "-I", "FORWARD", "-j", "REJECT");
  await until(async () => pod.answers(uplinkAddress), "the pod talks again");
  await node.settled();
  expect((await forwardRules()).split("\n")[1]).toContain("headcni:from-tailnet");
  expect((await forwardRules()).match(/headcni:/g)).toHaveLength(6);
  await node.inNode("iptables", "-D", "FORWARD", "-j", "REJECT");
});

test("a firewall that comes later is opened for pods and the router's echo, for nothing else", async () => {
  await node.settled();
  await feed(["nft", "-f", "-"], firewalldLike);
  await until(() => pod.answers(uplinkAddress), "the pod talks through firewalld's table");
  await node.settled();
  const input = await node.inNode("nft", "list", "chain", "inet", "firewalld", "filter_INPUT");
  expect(input).toMatch(/iifname "headcni0" ip daddr 10\.244\.1\.1 icmp type echo-request accept/);
  expect(input).not.toMatch(/dport/);
  await node.inNode("nft", "flush", "chain", "inet", "firewalld", "filter_FORWARD");
  await node.inNode("nft", "add", "rule", "inet", "firewalld", "filter_FORWARD", "reject");
  await until(() => pod.answers(uplinkAddress), "the pod talks after firewalld was loaded anew");
  await node.inNode("nft", "delete", "table", "inet", "firewalld");
  await node.settled();
});

test("a table that another program keeps to itself is named, and all else is held meanwhile", async () => {
  const [program, ...args] = inNetns(node.names.node, ["nft", "-i"]);
  const owner = spawn(program, args, { stdio: ["pipe", "ignore", "inherit"] });
  const commands = [
    "add table inet kept { flags owner; }",
    "add chain inet kept f { type filter hook forward priority 5; policy drop; }",
    "add chain inet kept i { type filter hook input priority 5; policy accept; }",
  ];
  owner.stdin.write(`${commands.join("\n")}\n`);
  await until(
    () => node.view().failure.includes("node.foreignFirewall"),
    "the guard names what it cannot repair",
  );
  expect(node.view().failure).toContain("Operation not permitted");
  await node.inNode("ip", "rule", "del", "pref", "5180");
  await until(async () => (await node.inNode("ip", "rule")).includes("5180:"), "the rule is back");
  owner.kill("SIGKILL");
  await node.settled();
});

test("cleanup leaves no accept of ours in another program's chains", async () => {
  await feed(["nft", "-f", "-"], firewalldLike);
  await until(() => pod.answers(uplinkAddress), "the pod talks through firewalld's table");
  await node.settled();
  await node.cleanUp();
  expect(await node.inNode("nft", "list", "ruleset")).not.toContain("headcni");
  expect(await forwardRules()).not.toContain("headcni");
});

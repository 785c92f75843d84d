import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readIptablesRules } from "../../../src/adapters/nftables/iptables-rules.ts";
import { readBaseChains, readForeignRules } from "../../../src/adapters/nftables/nft-listing.ts";
import { openFirewall } from "../../../src/adapters/nftables/open-firewall.ts";
import { runProgram } from "../../../src/adapters/nftables/run-program.ts";
import type { HostCarrier } from "../../../src/domain/guard/guard-settings.ts";
import { hostAllowlist } from "../../../src/domain/host-guard/host-allowlist.ts";
import { allowlistTable } from "../../../src/domain/nftables/nft-allowlist-table.ts";
import { repairForeignChain } from "../../../src/domain/nftables/nft-foreign.ts";
import { nodeTable } from "../../../src/domain/nftables/nft-node-table.ts";
import type { FirewallChange, FirewallObservation } from "../../../src/domain/nftables/nft-observation.ts";
import { loadTable } from "../../../src/domain/nftables/nft-table.ts";
import { policyState, policyTable } from "../../../src/domain/policy/policy-table.ts";
import { nobodyBelieved } from "../../../src/domain/tailnet/believed-prefixes.ts";
import { addNetns, inNetns, netnsPath, removeNetns } from "../../lab/network/netns.ts";
import { run } from "../../lab/run-command.ts";
import { sampleSettings } from "../tailnet-namespace/sample-settings.ts";

const name = `hcg-${process.pid}-nft`;
beforeEach(() => addNetns(name));
afterEach(() => removeNetns(name));

const inside = (...command: [string, ...string[]]) => run(inNetns(name, command));
const ruleset = (text: string) => run(inNetns(name, ["nft", "-f", "-"]), { input: text });

/** Runs the adapter in the namespace. */
async function firewall(changes: readonly FirewallChange[] = []) {
  const script = fileURLToPath(new URL("./firewall-process.ts", import.meta.url));
  const child = spawn(
    "nsenter",
    [`--net=${netnsPath(name)}`, "--", process.execPath, script, JSON.stringify(changes)],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(child, "close");
  return JSON.parse(Buffer.concat(chunks).toString()) as {
    readonly observation?: FirewallObservation;
    readonly proxy?: string;
    readonly failure?: { readonly code: string; readonly program?: string; readonly text?: string };
  };
}

test("the node's table takes Services' prefixes that lie in each other, as configured and as the API server has them", async () => {
  const services = ["10.96.0.0/12", "10.96.0.0/16"];
  const document = loadTable(nodeTable({ ...sampleSettings, services }));
  expect((await firewall([{ tool: "nft", document }])).failure).toBeUndefined();
  expect(await inside("nft", "list", "table", "inet", "headcni")).toContain("ip daddr { 10.96.0.0/12 }");
});

describe("observing", () => {
  test("a namespace without tables has nothing of ours and nothing foreign", async () => {
    expect(await firewall()).toEqual({ observation: { foreign: [] }, proxy: "none" });
  });

  test("the allowlist in the node's namespace is nobody else's", async () => {
    const { carrier: _, ...shared } = sampleSettings;
    const carrier: HostCarrier = {
      ...{ kind: "host", tunnel: { name: "tailscale0", mtu: 1280 }, confineTable52: "none" },
      ...{ magicDns: false, elsewhere: false },
    };
    const document = loadTable(hostAllowlist({ ...shared, carrier }, nobodyBelieved));
    expect((await firewall([{ tool: "nft", document }])).observation).toEqual({ foreign: [] });
  });

  test("the table of NetworkPolicies is nobody else's, and told of", async () => {
    const empty = { policies: [], namespaces: [], pods: [], nodes: [], attached: [] };
    const document = loadTable(policyTable(policyState(empty)));
    expect((await firewall([{ tool: "nft", document }])).observation).toEqual({
      foreign: [],
      policies: true,
    });
  });

  test.each([
    ["kube-proxy in mode nftables", "add table ip6 kube-proxy", "netfilter"],
    ["kube-proxy in mode iptables", "add table ip nat\nadd chain ip nat KUBE-SERVICES", "netfilter"],
    ["others", "add table ip kube-proxies\nadd chain ip kube-proxies KUBE-SERVICES-OF", "none"],
  ])("tells by the tables of %s what translates Services", async (_, text, proxy) => {
    await ruleset(text);
    expect((await firewall()).proxy).toBe(proxy);
  });

  test("sees forward and input chains of others, not the rest", async () => {
    await ruleset(`
      table inet theirs {
        chain f { type filter hook forward priority 0; policy drop; ct state established accept; counter drop; }
        chain i { type filter hook input priority 0; iifname "lo" accept; log prefix "x" reject; }
        chain o { type filter hook output priority 0; policy drop; }
        chain n { type nat hook postrouting priority 0; }
        chain plain { drop; }
      }
      table arp odd {
        chain i { type filter hook input priority 0; policy drop; }
      }`);
    const { observation } = await firewall();
    expect(
      observation?.foreign.map(({ table, chain, hook, policy }) => [table, chain, hook, policy]),
    ).toEqual([
      ["theirs", "f", "forward", "drop"],
      ["theirs", "i", "input", "accept"],
    ]);
    expect(observation?.foreign.map(({ rules }) => rules.map((rule) => rule.dropsAll))).toEqual([
      [false, true],
      [false, true],
    ]);
  });

  test("reads iptables' chains through iptables, and through nft where a native rule keeps iptables out", async () => {
    await inside("iptables", "-A", "FORWARD", "-j", "REJECT");
    const before = await firewall();
    expect(before.observation?.foreign[0]).toMatchObject({
      manager: "iptables",
      rules: [{ dropsAll: true }],
    });
    await inside("nft", "insert", "rule", "ip", "filter", "FORWARD", "ct", "state", "established", "accept");
    const after = await firewall();
    expect(after.observation?.foreign[0]).toMatchObject({ manager: "nft", chain: "FORWARD" });
  });
});

describe("applying", () => {
  const table = (statement: unknown): FirewallChange => ({
    tool: "nft",
    document: {
      nftables: [
        { add: { table: { family: "inet", name: "headcni" } } },
        { add: { chain: { family: "inet", table: "headcni", name: "c" } } },
        { add: { rule: { family: "inet", table: "headcni", chain: "c", expr: [statement] } } },
      ],
    },
  });

  test("a document is taken whole or not at all, and nft's words come with the refusal", async () => {
    const { failure } = await firewall([table({ jump: { target: "absent" } })]);
    expect(failure).toMatchObject({ code: "REFUSED", program: "nft" });
    expect(failure?.text).toMatch(/Could not process rule|No such file/);
    expect(await inside("nft", "list", "ruleset")).toBe("");
    expect((await firewall([table({ accept: null })])).failure).toBeUndefined();
    expect(await inside("nft", "list", "ruleset")).toContain("table inet headcni");
  });

  test("a document is taken whole however many Nodes there are", async () => {
    const believed = Array.from({ length: 6_000 }, (_, at) => `10.244.${at >> 6}.${(at & 63) * 4}/31`);
    const document = loadTable(
      allowlistTable({ supernets: ["10.244.0.0/16"], tunnel: "tailscale0" }, believed),
    );
    await openFirewall({ tailnetPath: () => netnsPath(name) }).apply("tailnet", [{ tool: "nft", document }]);
    expect(await inside("nft", "list", "ruleset")).toContain("10.244.93.188/31");
  });

  test("lines for iptables leave the chain's other rules alone", async () => {
    await inside("iptables", "-A", "FORWARD", "-s", "10.9.0.0/16", "-j", "DROP");
    const lines = ["-I FORWARD 1 -m comment --comment headcni:x:1 -i headcni0 -j ACCEPT"];
    await firewall([{ tool: "iptables", lines }]);
    expect((await inside("iptables", "-S", "FORWARD")).trim().split("\n")).toEqual([
      "-P FORWARD ACCEPT",
      '-A FORWARD -i headcni0 -m comment --comment "headcni:x:1" -j ACCEPT',
      "-A FORWARD -s 10.9.0.0/16 -j DROP",
    ]);
  });
});

test("what is put into iptables' chain without iptables can be read by iptables", async () => {
  await inside("iptables", "-P", "FORWARD", "DROP");
  const place = { family: "ip", table: "filter", chain: "FORWARD", hook: "forward", policy: "drop" } as const;
  await firewall(repairForeignChain(sampleSettings, { ...place, manager: "nft", rules: [] }));
  const lines = (await inside("iptables", "-S", "FORWARD")).trim().split("\n");
  expect(lines[1]).toMatch(/^-A FORWARD -i headcni0 -m comment --comment "headcni:from-tailnet:/);
  expect(lines).toHaveLength(7);
});

test("a program that is not installed is named", async () => {
  for (const netns of [undefined, netnsPath(name)])
    for (const stdin of [{}, { input: "{}", piped: true } as const])
      await expect(runProgram({ program: "no-such-nft", args: [], netns, ...stdin })).rejects.toMatchObject({
        detail: { code: "PROGRAM_MISSING", program: "no-such-nft" },
      });
});

describe("reading", () => {
  test.each(["", "{", "[]", '{"nftables": [1]}', '{"nftables":[{"chain":{"hook":"forward"}}]}'])(
    "refuses %j as a listing",
    (text) => {
      expect(() => readBaseChains(text)).toThrow(
        expect.objectContaining({ detail: expect.objectContaining({ code: "UNREADABLE" }) }),
      );
    },
  );

  test.each([
    { expr: '[{"drop":null}]', dropsAll: true },
    {
      expr: '[{"counter":{"packets":0,"bytes":0}},{"log":{"prefix":"x"}},{"reject":{"type":"icmpx"}}]',
      dropsAll: true,
    },
    { expr: '[{"match":{}},{"drop":null}]', dropsAll: false },
    { expr: '[{"xt":null},{"counter":null},{"drop":null}]', dropsAll: false },
    { expr: '[{"accept":null}]', dropsAll: false },
    { expr: '[{"limit":{"rate":1}},{"reject":null}]', dropsAll: false },
  ])("a rule of $expr drops everything: $dropsAll", ({ expr, dropsAll }) => {
    const [rule] = readForeignRules(`{"nftables":[{"rule":{"chain":"c","handle":3,"expr":${expr}}}]}`);
    expect(rule).toEqual({ comment: "", reference: 3, dropsAll });
  });

  test.each([
    { line: "-A FORWARD -j DROP", comment: "", dropsAll: true },
    { line: "-A FORWARD -j REJECT --reject-with icmp-host-prohibited", comment: "", dropsAll: true },
    { line: "-A FORWARD -s 10.0.0.0/8 -j DROP", comment: "", dropsAll: false },
    {
      line: '-A FORWARD -m comment --comment "headcni:a:b" -j ACCEPT',
      comment: "headcni:a:b",
      dropsAll: false,
    },
    { line: "-A FORWARD -j DOCKER-USER", comment: "", dropsAll: false },
  ])("iptables' $line drops everything: $dropsAll", ({ line, comment, dropsAll }) => {
    expect(readIptablesRules(`-P FORWARD DROP\n${line}\n`)).toEqual([{ comment, dropsAll, reference: line }]);
  });
});

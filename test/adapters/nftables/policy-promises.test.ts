import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { loadTable } from "../../../src/domain/nftables/nft-table.ts";
import { policyTableName } from "../../../src/domain/policy/policy-plan.ts";
import { policyState, policyTable } from "../../../src/domain/policy/policy-table.ts";
import { clusterNodes } from "../../domain/policy/any-cluster.ts";
import type { ApiPod, ApiPolicy } from "../../domain/policy/api-objects.ts";
import { worldOf } from "../../domain/policy/compiled.ts";
import { inNetns } from "../../lab/network/netns.ts";
import { type CommandLine, run, runResult } from "../../lab/run-command.ts";
import { until } from "../../support/until.ts";
import { startRemoteKernel } from "../netlink/support/remote-kernel.ts";
import { type PolicyRig, policyRig } from "./policy-rig.ts";

const [server, neighbour] = [
  ["10.244.1.10", "fd00:1::a"],
  ["10.244.1.11", "fd00:1::b"],
] as const;
const remote = ["10.244.2.10", "fd00:2::a"] as const;
const remoteRouter = ["10.244.2.1", "fd00:2::1"] as const;
const service = "10.96.0.1";
const port = 80;
let rig: PolicyRig;
beforeAll(async () => {
  rig = await policyRig({
    ...{ label: "promise", pods: [server, neighbour], own: ["10.244.1.1", "fd00:1::1"], ports: [port] },
    elsewhere: [...remote, ...remoteRouter],
  });
});
afterAll(() => rig?.remove());

const pod = (name: string, node: string, addresses: readonly string[]): ApiPod => ({
  metadata: { namespace: "default", name, uid: name, creationTimestamp: "", labels: { app: name } },
  spec: { nodeName: node, containers: [] },
  status: { phase: "Running", podIPs: addresses.map((ip) => ({ ip })) },
});

/** Both pods of the node are selected by these. */
const load = (...specs: readonly Omit<ApiPolicy["spec"], "podSelector">[]) =>
  rig.load(
    loadTable(
      policyTable(
        policyState(
          worldOf({
            policies: specs.map((spec, at) => ({
              metadata: { namespace: "default", name: `p${at}` },
              spec: { podSelector: {}, ...spec },
            })),
            namespaces: [{ metadata: { name: "default" } }],
            pods: [
              pod("server", "n1", server),
              pod("neighbour", "n1", neighbour),
              pod("remote", "n2", remote),
            ],
            nodes: clusterNodes,
            attached: [
              { podUid: "server", namespace: "default", addresses: server },
              { podUid: "neighbour", namespace: "default", addresses: neighbour },
            ],
          }),
        ),
      ),
    ),
  );
const denyAll = { policyTypes: ["Ingress", "Egress"] } as const;
const allPods = {
  ...denyAll,
  ingress: [{ from: [{ namespaceSelector: {} }] }],
  egress: [{ to: [{ namespaceSelector: {} }] }],
};

const inside = (netns: string, ...command: CommandLine) => runResult(inNetns(netns, command));
const answers = async (netns: string, address: string) =>
  (await inside(netns, "ping", "-q", "-c", "1", "-W", "5", address)).exitCode === 0;
const connects = async (netns: string, address: string) =>
  (await inside(netns, "timeout", "5", "bash", "-c", `exec 3<>/dev/tcp/${address}/${port}`)).exitCode === 0;
let lastId = 0;
/** Of TCP from one to the other. */
async function passes(source: string, destination: string, expected: boolean): Promise<boolean> {
  const id = ++lastId;
  const passed = await rig.probe([{ id, source, destination, protocol: "tcp", port }], expected ? [id] : []);
  return passed.includes(id);
}

describe("under default-deny", () => {
  beforeEach(() => load(denyAll));

  test("nobody reaches a pod, and it reaches nobody", async () => {
    for (const family of [0, 1] as const)
      for (const [one, other] of [
        [server, neighbour],
        [server, remote],
        [remote, server],
        [remoteRouter, server],
      ] as const)
        expect([one[family], other[family], await passes(one[family], other[family], false)]).toEqual([
          one[family],
          other[family],
          false,
        ]);
  });

  test("what the node itself sends reaches its pods, and they reach the node, after neighbours were forgotten, too", async () => {
    for (const address of server) {
      for (const netns of [rig.netns, rig.netnsOf(address)])
        await run(inNetns(netns, ["ip", "neigh", "flush", "all"]));
      expect([await answers(rig.netns, address), await connects(rig.netns, address)]).toEqual([true, true]);
    }
    for (const address of ["10.244.1.1", "fd00:1::1"]) {
      await run(inNetns(rig.netnsOf(server[0]), ["ip", "neigh", "flush", "all"]));
      expect(await answers(rig.netnsOf(server[0]), address)).toBe(true);
    }
  });

  test("a pod reaches itself, on its loopback and by a Service, and its neighbour does not", async () => {
    const self = rig.netnsOf(server[0]);
    expect(await connects(self, "127.0.0.1")).toBe(true);
    expect(await connects(self, server[0])).toBe(true);
    await rig.load({
      nftables: [
        { add: { table: { family: "ip", name: "services" } } },
        ...[
          {
            name: "to",
            hook: "prerouting",
            prio: -100,
            expr: [serviceMatch("daddr", service), { dnat: { addr: server[0] } }],
          },
          {
            name: "from",
            hook: "postrouting",
            prio: 100,
            expr: [serviceMatch("daddr", server[0]), serviceMatch("saddr", server[0]), { masquerade: null }],
          },
        ].flatMap(({ name, hook, prio, expr }) => [
          { add: { chain: { family: "ip", table: "services", name, type: "nat", hook, prio } } },
          { add: { rule: { family: "ip", table: "services", chain: name, expr } } },
        ]),
      ],
    });
    expect(await passes(server[0], service, true)).toBe(true);
    expect(await passes(neighbour[0], service, false)).toBe(false);
    await load(allPods);
    expect(await passes(neighbour[0], service, true)).toBe(true);
  });
});

function serviceMatch(field: string, right: string) {
  return { match: { op: "==", left: { payload: { protocol: "ip", field } }, right } };
}

test("a router address is no pod: whoever comes by it from elsewhere needs an ipBlock", async () => {
  for (const family of [0, 1] as const) {
    await load(allPods);
    expect(await passes(remote[family], server[family], true)).toBe(true);
    expect(await passes(remoteRouter[family], server[family], false)).toBe(false);
    const cidr = `${remoteRouter[family]}/${family === 0 ? 32 : 128}`;
    await load(allPods, { ingress: [{ from: [{ ipBlock: { cidr } }] }] });
    expect(await passes(remoteRouter[family], server[family], true)).toBe(true);
  }
});

test("a flow that a policy forbids ends with its entry of conntrack, though both ends go on sending", async () => {
  await load(allPods);
  const push = `require("node:net").createServer((s) => { s.on("error", () => {}); setInterval(() => s.write("x"), 5); }).listen(7000, "::", () => console.log("ready"))`;
  const pull = `let n = 0; const s = require("node:net").connect(7000, "${server[0]}"); s.on("data", (d) => { n += d.length; }); setInterval(() => { s.write("y"); console.log(n); }, 5)`;
  const start = (address: string, script: string) => {
    const [program, ...args] = inNetns(rig.netnsOf(address), [process.execPath, "-e", script]);
    return spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  };
  const pushing = start(server[0], push);
  try {
    await once(pushing.stdout, "data");
    const pulling = start(remote[0], pull);
    try {
      let got = 0;
      pulling.stdout.on("data", (text: Buffer) => {
        got = Number(text.toString().trim().split("\n").at(-1));
      });
      await until(() => got > 20, "the flow stands");
      // The neighbour's policies stay, the server is sent to by nobody any more, and sends to whom it will.
      await load({ policyTypes: ["Ingress"] });
      const before = got;
      await until(() => got > before + 20, "an established flow goes on while its entry stands");
      const kernel = await startRemoteKernel(rig.netns);
      const flows = await kernel.state.listFlows([server[0]], []);
      const own = flows.filter(({ port: of }) => of === 7000);
      expect(own).toMatchObject([{ source: remote[0], destination: server[0], protocol: "TCP" }]);
      await kernel.state.endFlows(own);
      // What is gone is fine.
      await kernel.state.endFlows(own);
      await kernel.close();
      // Both ends repeat what was not acknowledged, later and later.
      await until(async () => (await refusals("no-opener")) >= 4, "what both ends send is refused");
      const ended = got;
      const known = await refusals("no-opener");
      await until(async () => (await refusals("no-opener")) > known, "and again");
      expect(got).toBe(ended);
      expect((await inside(rig.netns, "conntrack", "-L", "-p", "tcp", "--dport", "7000")).stdout).toBe("");
    } finally {
      pulling.kill("SIGKILL");
    }
  } finally {
    pushing.kill("SIGKILL");
  }
});

/** Packets that rules of this name refused. */
async function refusals(name: string): Promise<number> {
  const text = await run(inNetns(rig.netns, ["nft", "-j", "list", "table", "inet", policyTableName]));
  const { nftables } = JSON.parse(text) as {
    readonly nftables: readonly {
      readonly rule?: {
        readonly comment?: string;
        readonly expr: readonly { readonly counter?: { readonly packets: number } }[];
      };
    }[];
  };
  return nftables
    .filter(({ rule }) => rule?.comment?.startsWith(`headcni:${name}:`))
    .flatMap(({ rule }) => rule?.expr ?? [])
    .reduce((sum, { counter }) => sum + (counter?.packets ?? 0), 0);
}

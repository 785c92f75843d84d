import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parsePrefix } from "../../../src/domain/addresses/prefix.ts";
import { isInside, mergeApprovals } from "../../../src/domain/approval/merge-approvals.ts";
import { decideRoutes } from "../../../src/domain/approval/route-decisions.ts";
import type { TailnetMachine } from "../../../src/domain/approval/tailnet-machine.ts";
import type { ClusterNode } from "../../../src/domain/kubernetes/kubernetes-objects.ts";
import { clusterNode } from "../../support/cluster-node.ts";
import { tailnetMachine } from "../../support/tailnet-machine.ts";

const supernets = ["10.244.0.0/16", "fd00:10:244::/48"];
const parsed = supernets.map(parsePrefix);

function decide(nodes: readonly ClusterNode[], machines: readonly TailnetMachine[]) {
  const ledger = { nodes: Object.fromEntries(nodes.map((node) => [node.name, node])), missing: {} };
  return decideRoutes(ledger, machines, supernets);
}

const n1 = clusterNode("n1", ["10.244.1.0/24", "fd00:10:244:1::/64"]);
const n2 = clusterNode("n2", ["10.244.2.0/24"]);

describe("approval of routes", () => {
  it("is for the Node's pod CIDRs, on the machine that it names and that announces them", () => {
    const machine = tailnetMachine("1", { announced: [...n1.podCidrs, "192.168.7.0/24"] });
    expect(decide([n1], [machine])).toEqual({
      changes: [{ machineId: "1", wanted: n1.podCidrs, revoked: [], granted: n1.podCidrs }],
      rows: [{ node: "n1", verdict: "approvable" }],
      strangers: 0,
    });
  });

  it("changes nothing once it is so", () => {
    const machine = tailnetMachine("1", { announced: n1.podCidrs, approved: n1.podCidrs });
    expect(decide([n1], [machine])).toEqual({
      changes: [],
      rows: [{ node: "n1", verdict: "settled" }],
      strangers: 0,
    });
  });

  it("is revoked for slices, whole supernets and other Nodes' prefixes, and never granted", () => {
    const rogue = ["10.244.2.128/25", "10.244.0.0/16", "10.244.2.0/24", "10.244.77.0/24"];
    const machine = tailnetMachine("1", {
      announced: [...n1.podCidrs, ...rogue],
      approved: [...n1.podCidrs, ...rogue],
    });
    const { changes, strangers } = decide([n1, n2], [machine, tailnetMachine("2")]);
    expect(changes).toEqual([{ machineId: "1", wanted: n1.podCidrs, revoked: rogue, granted: [] }]);
    expect(strangers).toBe(rogue.length);
  });

  it("comes after every revocation", () => {
    const joining = tailnetMachine("1", { announced: n1.podCidrs });
    const rogue = tailnetMachine("9", { approved: ["10.244.1.0/25"] });
    expect(decide([n1], [joining, rogue]).changes.map(({ machineId }) => machineId)).toEqual(["9", "1"]);
  });

  it("is revoked on a machine that belongs to nobody of the cluster, but only inside the supernets", () => {
    const laptop = tailnetMachine("9", {
      name: "n1",
      announced: ["10.244.1.0/24"],
      approved: ["10.244.1.0/24", "10.0.0.0/8", "0.0.0.0/0", "::/0", "192.168.1.0/24"],
    });
    expect(decide([n1], [laptop]).changes).toEqual([
      { machineId: "9", wanted: [], revoked: ["10.244.1.0/24"], granted: [] },
    ]);
  });

  it("survives that the machine does not announce for a while", () => {
    const machine = tailnetMachine("1", { approved: n1.podCidrs });
    expect(decide([n1], [machine])).toMatchObject({ changes: [], rows: [{ verdict: "settled" }] });
  });

  it.each([
    ["names no machine", clusterNode("n1", n1.podCidrs, { tailnetNodeId: "" }), "unnamed"],
    [
      "names a machine that is not there",
      clusterNode("n1", n1.podCidrs, { tailnetNodeId: "7" }),
      "machineMissing",
    ],
    ["has no pod CIDR", clusterNode("n1", []), "withoutPrefix"],
    ["has one outside the supernets", clusterNode("n1", ["10.99.1.0/24"]), "withoutPrefix"],
    ["has a machine that announces half of it", clusterNode("n1", n1.podCidrs), "unannounced"],
  ])("waits for a Node that %s", (_, node, verdict) => {
    const machine = tailnetMachine("1", { announced: ["10.244.1.0/24"] });
    expect(decide([node], [machine]).rows).toEqual([{ node: "n1", verdict }]);
  });

  it("leaves a Node alone whose machine another Node names as well", () => {
    const thief = clusterNode("n8", ["10.244.8.0/24"], { tailnetNodeId: "1" });
    const machine = tailnetMachine("1", { announced: n1.podCidrs, approved: n1.podCidrs });
    expect(decide([n1, thief], [machine])).toEqual({
      changes: [],
      rows: [
        { node: "n1", verdict: "settled" },
        { node: "n8", verdict: "conflicting" },
      ],
      strangers: 0,
    });
  });

  it("follows a Node that was renamed, though its old Node is still there", () => {
    const renamed = clusterNode("n1-new", ["10.244.5.0/24"], { tailnetNodeId: "1" });
    const machine = tailnetMachine("1", { announced: renamed.podCidrs, approved: n1.podCidrs });
    const { changes } = decide([n1, renamed], [machine]);
    expect(changes).toEqual([
      { machineId: "1", wanted: renamed.podCidrs, revoked: n1.podCidrs, granted: renamed.podCidrs },
    ]);
  });

  it("moves to the new machine of a Node that was replaced under its name", () => {
    const replaced = clusterNode("n2", n2.podCidrs, { uid: "another", tailnetNodeId: "22" });
    const [old, fresh] = [
      tailnetMachine("2", { online: false, announced: n2.podCidrs, approved: n2.podCidrs }),
      tailnetMachine("22", { announced: n2.podCidrs }),
    ];
    expect(decide([replaced], [old, fresh]).changes).toEqual([
      { machineId: "2", wanted: [], revoked: n2.podCidrs, granted: [] },
      { machineId: "22", wanted: n2.podCidrs, revoked: [], granted: n2.podCidrs },
    ]);
  });
});

const route = fc
  .tuple(fc.constantFrom("10.244", "10.9", "192.168"), fc.nat(3), fc.constantFrom(16, 24, 25, 26))
  .map(([net, third, length]) => (length === 16 ? `${net}.0.0/16` : `${net}.${third}.0/${length}`));
const routes = fc.uniqueArray(
  fc.oneof(route, fc.constantFrom("0.0.0.0/0", "::/0", "10.0.0.0/8", "no route")),
  {
    maxLength: 6,
  },
);
const anyMachines = fc.uniqueArray(
  fc.record({ id: fc.nat(4).map(String), announced: routes, approved: routes }),
  { maxLength: 5, selector: ({ id }) => id },
);
const anyNodes = fc.uniqueArray(
  fc.record({
    name: fc.nat(4).map((at) => `n${at}`),
    podCidrs: fc.uniqueArray(route, { maxLength: 1 }),
    tailnetNodeId: fc.constantFrom("", "0", "1", "2", "3", "4"),
    createdAt: fc.constantFrom("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
  }),
  { maxLength: 5, selector: ({ name }) => name },
);

/** The tailnet once Headscale has carried out all that was decided. */
function carriedOut(machines: readonly TailnetMachine[], nodes: readonly ClusterNode[]) {
  const { changes } = decide(nodes, machines);
  return machines.map((machine) => {
    const change = changes.find(({ machineId }) => machineId === machine.id);
    return change === undefined
      ? machine
      : { ...machine, approved: mergeApprovals(machine.approved, parsed, change.wanted) };
  });
}

describe("whatever Nodes, machines and announcements there are", () => {
  function always(
    holds: (
      before: readonly TailnetMachine[],
      after: readonly TailnetMachine[],
      nodes: readonly ClusterNode[],
    ) => void,
  ) {
    fc.assert(
      fc.property(anyNodes, anyMachines, (someNodes, someMachines) => {
        const nodes = someNodes.map(({ name, podCidrs, ...more }) => clusterNode(name, podCidrs, more));
        const machines = someMachines.map(({ id, ...more }) => tailnetMachine(id, more));
        holds(machines, carriedOut(machines, nodes), nodes);
      }),
      { numRuns: 2_000 },
    );
  }

  it("no machine has a route inside the supernets that is not the pod CIDR of a Node which names it", () => {
    always((_, after, nodes) => {
      for (const { id, approved } of after)
        for (const one of approved.filter((text) => isInside(text, parsed)))
          expect(nodes.some((node) => node.tailnetNodeId === id && node.podCidrs.includes(one))).toBe(true);
    });
  });

  it("no route is approved that its machine does not announce", () => {
    always((before, after) => {
      for (const [at, { announced, approved }] of after.entries())
        for (const one of approved)
          expect(announced.includes(one) || before[at]?.approved.includes(one)).toBe(true);
    });
  });

  it("no prefix is approved for two machines", () => {
    always((_, after) => {
      const inside = after.flatMap(({ approved }) => approved.filter((text) => isInside(text, parsed)));
      expect(new Set(inside).size).toBe(inside.length);
    });
  });

  it("what lies outside the supernets stays as it was, in its order", () => {
    const outside = ({ approved }: TailnetMachine) => approved.filter((text) => !isInside(text, parsed));
    always((before, after) => expect(after.map(outside)).toEqual(before.map(outside)));
  });

  it("there is nothing left to change after it", () => {
    always((_, after, nodes) => expect(decide(nodes, after).changes).toEqual([]));
  });

  it("a Node whose machine announces all of its prefixes ends settled, unless an older one has the prefix", () => {
    always((_, after, nodes) => {
      for (const { verdict } of decide(nodes, after).rows) expect(verdict).not.toBe("approvable");
    });
  });
});

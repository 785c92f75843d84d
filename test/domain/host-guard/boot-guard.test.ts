import { expect, test } from "vitest";
import type { NamespaceObservation } from "../../../src/domain/guard/guard-observation.ts";
import { bootRepairs } from "../../../src/domain/host-guard/boot-guard.ts";
import { freshObservation } from "../guard/model-kernel.ts";
import { hostNodes } from "./host-nodes.ts";
import { fullNode, kernelRules, ours } from "./routed-nodes.ts";

const { carrier, ...shared } = hostNodes.whole.settings;
/** As the state directory has them, with more than the guard asks for. */
const remembered = { ...carrier, addresses: ["100.64.0.1"], netfilter: "on" };
const booting: NamespaceObservation = {
  ...freshObservation.node,
  kernel: { ...freshObservation.node.kernel, rules: kernelRules },
};
const repairs = bootRepairs(shared, remembered, booting, true);

test("a node that boots has every rule and route of the guard before tailscaled starts", () => {
  const operations = repairs.flatMap((repair) => (repair.kind === "kernel" ? repair.operations : []));
  const confined = { acceptedRoutes: false, exitNode: "none", announced: [], running: false } as const;
  expect(new Set(operations.map((operation) => JSON.stringify(operation)))).toEqual(
    new Set(ours(fullNode, confined).map((operation) => JSON.stringify(operation))),
  );
});

test("the allowlist stands first and believes nobody, then our table", () => {
  const documents = repairs.flatMap((repair) => (repair.kind === "firewall" ? repair.changes : []));
  const [allowlist, table, ...more] = documents.map((change) =>
    change.tool === "nft" ? (change.document as { readonly nftables: readonly Command[] }).nftables : [],
  );
  expect(repairs[0]?.kind).toBe("firewall");
  expect(allowlist?.[0]?.add?.table?.name).toBe("headcni_allowlist");
  const sets = allowlist?.flatMap(({ add }) => add?.set ?? []);
  expect(sets?.map(({ name, elem }) => [name, elem])).toEqual(
    ["believed4", "nodes4", "believed6", "nodes6"].map((name) => [name, undefined]),
  );
  expect(table?.[0]?.add?.table?.name).toBe("headcni");
  expect(more).toEqual([]);
});

test("without Kubernetes there is no allowlist, which nobody would fill", () => {
  expect(bootRepairs(shared, remembered, booting, false)).toEqual(repairs.slice(1));
});

test("a LAN inside the Service prefix stays in reach: no address of the node tells of it yet", () => {
  expect(shared.services).not.toEqual([]);
  expect(JSON.stringify(repairs)).not.toContain("headcni:service");
});

test("nothing is forwarded yet", () => {
  expect(repairs.filter(({ kind }) => kind === "sysctls")).toEqual([]);
});

/** Of libnftables-json what these documents have. */
interface Command {
  readonly add?: {
    readonly table?: { readonly name: string };
    readonly set?: { readonly name: string; readonly elem?: unknown };
  };
}

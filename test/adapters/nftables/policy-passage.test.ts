import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadTable } from "../../../src/domain/nftables/nft-table.ts";
import { policyState, policyTable } from "../../../src/domain/policy/policy-table.ts";
import {
  anyCluster,
  anyOpener,
  clusterNodes,
  elsewhere,
  openerPorts,
  ownSlots,
} from "../../domain/policy/any-cluster.ts";
import type { Opener } from "../../domain/policy/api-objects.ts";
import { worldOf } from "../../domain/policy/compiled.ts";
import { isAllowed } from "../../domain/policy/policy-oracle.ts";
import { type PolicyRig, policyRig } from "./policy-rig.ts";
import type { SocketProbe } from "./probe-process.ts";

const own = ["10.244.1.1", "fd00:1::1", ...(clusterNodes[0]?.addresses ?? [])];
let rig: PolicyRig;
beforeAll(async () => {
  rig = await policyRig({
    ...{ label: "policy", pods: ownSlots, own, ports: openerPorts },
    elsewhere: elsewhere.filter((address) => !own.includes(address)),
  });
});
afterAll(() => rig?.remove());

/** What sockets can send, and the node forwards. */
function isProbe(opener: Opener): opener is SocketProbe {
  const { source, destination, protocol } = opener;
  return (
    (protocol === "tcp" || protocol === "udp") &&
    source !== destination &&
    !own.includes(source) &&
    !own.includes(destination)
  );
}

test("the kernel lets through what Kubernetes' words allow: TCP and UDP between pods with links of their own", async () => {
  const seen = { allowed: 0, refused: 0, ids: 0 };
  for (const cluster of fc.sample(anyCluster, { seed: 14, numRuns: 40 })) {
    const openers = fc.sample(anyOpener, { seed: 14 + seen.ids, numRuns: 100 }).filter(isProbe);
    const first = seen.ids;
    const probes = openers.map((opener, at): SocketProbe => ({ ...opener, id: first + at }));
    seen.ids += probes.length;
    const wanted = probes.filter((one) => isAllowed(cluster, one)).map(({ id }) => id);
    await rig.load(loadTable(policyTable(policyState(worldOf(cluster)))));
    const passed = await rig.probe(probes, wanted);
    const told = (ids: readonly number[]) => ids.map((id) => probes[id - first] ?? id);
    expect({ cluster, passed: told(passed) }).toEqual({ cluster, passed: told(wanted) });
    seen.allowed += wanted.length;
    seen.refused += probes.length - wanted.length;
  }
  expect(Math.min(seen.allowed, seen.refused)).toBeGreaterThan(300);
});

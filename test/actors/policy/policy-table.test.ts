import { expect, test } from "vitest";
import { type PolicyPorts, policyTableKeeper } from "../../../src/actors/policy/policy-table.ts";
import type { KernelFlow } from "../../../src/domain/kernel/kernel-flow.ts";
import type { KernelChange } from "../../../src/domain/kernel/kernel-state.ts";
import { loadTable } from "../../../src/domain/nftables/nft-table.ts";
import type { NetworkPolicy, PolicyPod } from "../../../src/domain/policy/network-policy.ts";
import { emptyPolicyLedger, type PolicyLedger, worldOf } from "../../../src/domain/policy/policy-ledger.ts";
import { policyState, policyTable } from "../../../src/domain/policy/policy-table.ts";
import type { ElementChange } from "../../../src/domain/policy/table-change.ts";

const { signal } = new AbortController();
const pod = (name: string, node: string, address: string): PolicyPod => ({
  ...{ namespace: "shop", name, uid: name, runtimeUid: name, createdAt: "", node, labels: { app: name } },
  ...{ addresses: [address], ports: [], hostNetwork: false, ended: false },
});
const db = pod("db", "n1", "10.244.1.7");
const web = pod("web", "n2", "10.244.2.8");
const fromWeb: NetworkPolicy = {
  ...{ namespace: "shop", name: "db", pods: [{ key: "app", operator: "In", values: ["db"] }] },
  ingress: [
    {
      peers: [{ kind: "pods", namespaces: "own", pods: [{ key: "app", operator: "In", values: ["web"] }] }],
      ports: "any",
    },
  ],
};
const ledger: PolicyLedger = {
  ...emptyPolicyLedger,
  policies: { "shop/db": { policy: fromWeb } },
  pods: { "shop/db": db },
  nodes: [
    { name: "n1", podCidrs: ["10.244.1.0/24"], addresses: [] },
    { name: "n2", podCidrs: ["10.244.2.0/24"], addresses: [] },
  ],
  attached: { "c1/eth0": { podUid: "db", namespace: "shop", addresses: ["10.244.1.7"] } },
};
const withWeb: PolicyLedger = { ...ledger, pods: { ...ledger.pods, "shop/web": web } };

/** A keeper, and what it had done: whole tables and rules by nft, elements by the kernel worker. */
function keeper() {
  const done: {
    readonly document?: unknown;
    readonly elements?: readonly ElementChange[];
    readonly ended?: readonly string[];
  }[] = [];
  const answers: Error[] = [];
  const refusals: Error[] = [];
  const flows: KernelFlow[] = [];
  const listed: (readonly string[])[] = [];
  let tell: (change: KernelChange) => void = () => undefined;
  const answer = async () => {
    const error = answers.shift();
    if (error !== undefined) throw error;
  };
  const ports: PolicyPorts = {
    firewall: {
      apply: async (namespace, changes) => {
        expect(namespace).toBe("node");
        for (const change of changes) if (change.tool === "nft") done.push({ document: change.document });
        await answer();
      },
    },
    kernel: {
      changeElements: async (name, elements) => {
        expect(name).toBe("headcni_policy");
        done.push({ elements });
        await answer();
      },
      listFlows: async (addresses, prefixes) => {
        listed.push([...addresses, ...prefixes]);
        return flows.splice(0);
      },
      endFlows: async (ended) => {
        const refusal = refusals.shift();
        if (refusal !== undefined) throw refusal;
        done.push({
          ended: ended.map(({ source, destination, port }) => `${source} ${destination} ${port}`),
        });
      },
      watch: (listener) => {
        tell = listener;
        return () => undefined;
      },
    },
  };
  const table = policyTableKeeper(ports, "n1");
  const changed: string[] = [];
  table.watch((process) => changed.push(process));
  return {
    enforce: (next: PolicyLedger, whole = false) => table.enforce({ ledger: next, whole }, signal),
    /** The kernel tells of a change of nftables. */
    tell: (subject: string, more: Partial<KernelChange> = { policies: true }) =>
      tell({ namespace: "node", what: "nftables", removed: false, subject, ...more }),
    changed: () => changed.splice(0),
    flows,
    /** Of which addresses and prefixes flows were listed. */
    listed: () => listed.splice(0),
    endForbidden: () => table.endForbidden(signal),
    failNext: (what: "change" | "flows" = "change") =>
      (what === "change" ? answers : refusals).push(new Error("refused")),
    done: () => done.splice(0),
  };
}
const flow = (source: string, destination: string, port: number): KernelFlow => ({
  ...{ family: 2, source, destination, protocol: "TCP", port },
  ...{ original: new Uint8Array(), id: new Uint8Array() },
});
const whole = (of: PolicyLedger) => ({ document: loadTable(policyTable(policyState(worldOf(of)))) });

test("the first table is loaded as a whole, and what changes elsewhere is elements alone", async () => {
  const { enforce, done } = keeper();
  expect(await enforce(ledger)).toEqual({
    numbers: { isolated: 1, elements: 1 },
    problems: [],
    narrows: true,
  });
  expect(done()).toEqual([whole(ledger)]);
  expect(await enforce(withWeb)).toEqual({
    numbers: { isolated: 1, elements: 2 },
    problems: [],
    narrows: false,
  });
  expect(done()).toEqual([
    { elements: [expect.objectContaining({ kind: "set", add: ["10.244.2.8"], remove: [] })] },
  ]);
  await enforce({ ...withWeb, pods: { ...withWeb.pods, "shop/other": pod("other", "n2", "10.244.2.9") } });
  expect(done()).toEqual([]);
});

test("a policy more is one document that leaves the rest as it is", async () => {
  const { enforce, done } = keeper();
  await enforce(withWeb);
  done();
  const all: NetworkPolicy = { namespace: "shop", name: "all", pods: [], egress: [] };
  await enforce({ ...withWeb, policies: { ...withWeb.policies, "shop/all": { policy: all } } });
  const [{ document } = {}] = done();
  expect(JSON.stringify(document)).toContain('"add":{"chain"');
  expect(JSON.stringify(document)).not.toContain('"hook"');
  const { numbers } = await enforce(ledger);
  expect(numbers).toEqual({ isolated: 1, elements: 1 });
});

test("after a change that failed the whole table is loaded again", async () => {
  const { enforce, failNext, done } = keeper();
  await enforce(ledger);
  done();
  failNext();
  await expect(enforce(withWeb)).rejects.toThrow("refused");
  done();
  await enforce(withWeb);
  expect(done()).toEqual([whole(withWeb)]);
});

test("changes are made one after another", async () => {
  const { enforce, done } = keeper();
  const both = Promise.all([enforce(ledger), enforce(withWeb)]);
  await both;
  const [first, second, ...more] = done();
  expect(first).toEqual(whole(ledger));
  expect(second?.elements).toHaveLength(1);
  expect(more).toEqual([]);
});

test("the whole table is loaded where that is ordered", async () => {
  const { enforce, done } = keeper();
  await enforce(ledger);
  done();
  await enforce(ledger, true);
  expect(done()).toEqual([whole(ledger)]);
});

test("who else changes the table is told, and own loads are not", async () => {
  const { enforce, tell, changed } = keeper();
  await enforce(ledger);
  tell("nft");
  tell("nft", {});
  tell("nft", { policies: true, namespace: "tailnet" });
  tell("", { what: "route" });
  expect(changed()).toEqual([]);
  tell("nft");
  tell("evil\u001b[2J");
  tell("", { what: "overrun" });
  expect(changed()).toEqual(["nft", expect.not.stringContaining("\u001b"), "an unknown program"]);
});

test("flows that what is in force forbids end, and no other", async () => {
  const { enforce, flows, endForbidden, done } = keeper();
  expect(await endForbidden()).toBe(0);
  await enforce(withWeb);
  done();
  flows.push(
    flow("10.244.2.8", "10.244.1.7", 80),
    flow("10.244.2.9", "10.244.1.7", 80),
    flow("10.244.1.7", "10.244.2.9", 80),
    flow("10.244.1.1", "10.244.1.7", 80),
    flow("10.244.1.7", "10.244.1.7", 80),
  );
  expect(await endForbidden()).toBe(1);
  expect(done()).toEqual([{ ended: ["10.244.2.9 10.244.1.7 80"] }]);
  expect(await endForbidden()).toBe(0);
  expect(done()).toEqual([]);
});

test("flows are looked through where a policy or a peer went, or a pod came, and not where peers came", async () => {
  const { enforce } = keeper();
  await enforce(ledger);
  const narrows = async (next: PolicyLedger) => (await enforce(next)).narrows;
  expect(await narrows(withWeb)).toBe(false);
  expect(await narrows(ledger)).toBe(true);
  expect(await narrows({ ...ledger, attached: {} })).toBe(true);
  expect(await narrows(ledger)).toBe(true);
});

/** A pod that nobody isolates, and the one of policies, on the same address in turn. */
const other: PolicyLedger["attached"] = {
  "c0/eth0": { podUid: "shop-open", namespace: "open", addresses: ["10.244.1.7"] },
};

test("flows that an address has of a pod before end before the pod's policies are in force for it", async () => {
  const { enforce, flows, listed, done } = keeper();
  await enforce({ ...ledger, attached: other });
  flows.push(flow("10.244.2.9", "10.244.1.7", 80), flow("10.244.2.8", "10.244.1.7", 80));
  done();
  listed();
  await enforce(withWeb);
  expect(listed()).toEqual([["10.244.1.7"]]);
  expect(done().at(-1)).toEqual({ ended: ["10.244.2.9 10.244.1.7 80"] });
  // Once they have ended nobody looks again.
  await enforce(ledger);
  expect(listed()).toEqual([]);
});

test("flows that cannot be ended leave the pod waiting, and the next try begins anew", async () => {
  const { enforce, flows, failNext, done } = keeper();
  await enforce({ ...ledger, attached: other });
  flows.push(flow("10.244.2.9", "10.244.1.7", 80));
  failNext("flows");
  await expect(enforce(withWeb)).rejects.toThrow("refused");
  done();
  flows.push(flow("10.244.2.9", "10.244.1.7", 80));
  await enforce(withWeb);
  expect(done()).toEqual([whole(withWeb), { ended: ["10.244.2.9 10.244.1.7 80"] }]);
});

test("flows of an address that a pod left end beside other work, and whoever gets it next does not wait for that", async () => {
  const { enforce, flows, listed, endForbidden, done } = keeper();
  await enforce({ ...ledger, attached: other });
  await endForbidden();
  expect((await enforce({ ...ledger, attached: {} })).narrows).toBe(true);
  listed();
  done();
  flows.push(flow("10.244.2.9", "10.244.1.7", 80), flow("10.244.2.9", "10.244.1.8", 80));
  expect(await endForbidden()).toBe(1);
  expect(listed()).toEqual([["10.244.1.7"]]);
  expect(done()).toEqual([{ ended: ["10.244.2.9 10.244.1.7 80"] }]);
  await enforce(ledger);
  expect(listed()).toEqual([]);
});

test("what stood before this daemon is looked through once, and flows that are nobody's end for who is isolated alone", async () => {
  const { enforce, flows, listed, endForbidden, done } = keeper();
  await enforce({ ...ledger, attached: {} });
  done();
  flows.push(
    flow("10.244.2.9", "10.244.1.7", 80),
    flow("10.244.1.9", "10.244.2.9", 80),
    flow("10.244.2.9", "10.244.2.8", 80),
  );
  expect(await endForbidden()).toBe(0);
  expect(await endForbidden()).toBe(0);
  expect(listed()).toEqual([["10.244.1.0/24"], []]);
  flows.push(flow("10.244.2.9", "10.244.1.7", 80));
  await enforce(ledger);
  expect(listed()).toEqual([["10.244.1.7"]]);
  expect(done().at(-1)).toEqual({ ended: ["10.244.2.9 10.244.1.7 80"] });
});

test("a pod that comes before that was looked through is waited for", async () => {
  const { enforce, listed } = keeper();
  await enforce(ledger);
  expect(listed()).toEqual([["10.244.1.7"]]);
});

import { expect, test } from "vitest";
import { combine } from "../../src/domain/policy/combination.ts";
import { flowJudge } from "../../src/domain/policy/flow-judge.ts";
import { policyState, policyTable } from "../../src/domain/policy/policy-table.ts";
import { awaitsLabels } from "../../src/domain/policy/policy-ledger.ts";
import { readPolicyPod } from "../../src/adapters/kubernetes/read-policy-objects.ts";

const deny = (namespace: string) => ({ namespace, name: "deny", pods: [], ingress: [], egress: [] });
const rd = (o: unknown) => { const r = readPolicyPod(o); if (!r.item) throw new Error(JSON.stringify(r)); return r.item; };
test("mirror spoof", () => {
  const victim = rd({ metadata: { namespace: "bank", name: "db", uid: "u1", labels: { app: "db" } }, spec: { nodeName: "n1", containers: [] }, status: { phase: "Running", podIPs: [{ ip: "10.244.1.10" }] } });
  const evil = rd({ metadata: { namespace: "evil", name: "x", uid: "u2", labels: { app: "x" }, annotations: { "kubernetes.io/config.mirror": "u1" } }, spec: { nodeName: "n1", containers: [] } });
  const base = { policies: [deny("bank")], namespaces: [{ name: "bank", labels: {} }, { name: "evil", labels: {} }], nodes: [{ name: "n1", podCidrs: ["10.244.1.0/24"], addresses: [] }], attached: [{ podUid: "u1", namespace: "bank", addresses: ["10.244.1.10"] }] };
  const maps = (pods: any[]) => policyTable(policyState({ ...base, pods })).maps?.map((m) => m.name + ":" + m.elements.length).join(" ");
  console.log("without", maps([victim]), "| with spoof", maps([victim, evil]));
});
test("partition cost", () => {
  for (const n of [2000, 5000, 10000, 20000]) {
    const ports = Array.from({ length: n }, (_, i) => ({ protocol: "TCP" as const, first: i + 1, last: 65535 - (i % 7) }));
    const t = performance.now();
    const c = combine([{ peers: "any", ports, named: [] }], 4, 65536);
    console.log("partition", n, Math.round(performance.now() - t), "ms", c?.ports.length);
  }
}, 120000);
test("flowJudge cost", () => {
  const pods = Array.from({ length: 5000 }, (_, i) => rd({ metadata: { namespace: "ns" + (i % 50), name: "p" + i, uid: "u" + i, labels: { app: "a" + i } }, spec: { nodeName: i < 110 ? "n1" : "n2", containers: [] }, status: { phase: "Running", podIPs: [{ ip: i < 110 ? `10.244.1.${i + 2}` : `10.245.${i >> 8}.${i & 255}` }] } }));
  // own pods last: as the ledger may have them
  const order = [...pods.slice(110), ...pods.slice(0, 110)];
  const world = { policies: Array.from({ length: 50 }, (_, i) => deny("ns" + i)), namespaces: [], pods: order, nodes: [{ name: "n1", podCidrs: ["10.244.1.0/24"], addresses: [] }, { name: "n2", podCidrs: ["10.245.0.0/16"], addresses: [] }], attached: Array.from({ length: 110 }, (_, i) => ({ podUid: "u" + i, namespace: "ns" + (i % 50), addresses: [`10.244.1.${i + 2}`] })) };
  const judge = flowJudge(world);
  for (const n of [1000, 20000]) {
    const t = performance.now(); let f = 0;
    for (let i = 0; i < n; i++) if (judge({ source: `${20 + (n > 5000 ? 1 : 0)}.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, destination: `10.244.1.${2 + (i % 110)}`, protocol: "TCP", port: 80 })) f++;
    console.log("flowJudge", n, "flows", Math.round(performance.now() - t), "ms", f);
  }
  const rec = Object.fromEntries(order.map((p) => [`${p.namespace}/${p.name}`, p]));
  const ledger: any = { policies: {}, namespaces: {}, pods: rec, nodes: [], attached: {} };
  const t = performance.now();
  for (let i = 0; i < 110; i++) awaitsLabels(ledger, world.attached[i]!);
  console.log("awaitsLabels for 110 waiting, once", Math.round(performance.now() - t), "ms");
});

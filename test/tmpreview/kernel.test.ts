import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadTable } from "../../src/domain/nftables/nft-table.ts";
import { policyState, policyTable } from "../../src/domain/policy/policy-table.ts";
import { clusterNodes } from "../domain/policy/any-cluster.ts";
import { worldOf } from "../domain/policy/compiled.ts";
import { inNetns } from "../lab/network/netns.ts";
import { run, runResult } from "../lab/run-command.ts";
import { until } from "../support/until.ts";
import { type PolicyRig, policyRig } from "../adapters/nftables/policy-rig.ts";
let rig: PolicyRig;
beforeAll(async () => { rig = await policyRig({ label: "rev", pods: [["10.244.1.10"], ["10.244.1.11"]], own: ["10.244.1.1"], ports: [80], elsewhere: ["10.244.2.10"] } as any); });
afterAll(() => rig?.remove());
const pod = (name: string, ip: string): any => ({ metadata: { namespace: "default", name, uid: name, creationTimestamp: "", labels: { app: name } }, spec: { nodeName: "n1", containers: [] }, status: { phase: "Running", podIPs: [{ ip }] } });
const world = (policies: any[], attached: any[]) => worldOf({ policies, namespaces: [{ metadata: { name: "default" } }], pods: [pod("server", "10.244.1.10")], nodes: clusterNodes, attached } as any);
const tableOf = (policies: any[], attached: any[]) => loadTable(policyTable(policyState(world(policies, attached))));
const np = (name: string, spec: any) => ({ metadata: { namespace: "default", name }, spec: { podSelector: {}, ...spec } });
const at = [{ podUid: "server", namespace: "default", addresses: ["10.244.1.10"] }];
test("reused address with a UDP flow of before", async () => {
  // before: nobody isolates 10.244.1.10; a udp client elsewhere talks to it, same source port, on and on
  await rig.load(tableOf([], []));
  const echo = `const s=require("dgram").createSocket("udp4");s.on("message",(m,r)=>s.send(m,r.port,r.address));s.bind(7001,"10.244.1.10",()=>console.log("ready"))`;
  const cli = `const s=require("dgram").createSocket("udp4");let n=0;s.on("error",()=>{});s.on("message",()=>n++);s.bind(5555,"10.244.2.10");setInterval(()=>{s.send("x",7001,"10.244.1.10",()=>{});console.log(n)},20)`;
  const start = (a: string, s: string) => { const [p, ...args] = inNetns(rig.netnsOf(a), [process.execPath, "-e", s]); return spawn(p!, args, { stdio: ["ignore", "pipe", "inherit"] }); };
  const server = start("10.244.1.10", echo); await once(server.stdout!, "data");
  const client = start("10.244.2.10", cli); let got = 0; client.stdout!.on("data", (t: Buffer) => { got = Number(t.toString().trim().split("\n").at(-1)); });
  try {
    await until(() => got > 20, "flow");
    // the pod goes: its route leaves the kernel
    server.kill("SIGKILL"); await once(server, "exit");
    await run(inNetns(rig.netns, ["ip", "route", "del", "10.244.1.10/32", "dev", "e0"]));
    const old = got; await new Promise((r) => setTimeout(r, 3000));
    console.log("while at rest: answers", got - old, (await runResult(inNetns(rig.netns, ["conntrack", "-L", "-p", "udp"]))).stdout.trim());
    // new owner, default-deny in force first, then its link
    await rig.load(tableOf([np("deny", { policyTypes: ["Ingress", "Egress"] })], at));
    await run(inNetns(rig.netns, ["ip", "route", "add", "10.244.1.10/32", "dev", "e0"]));
    const again = start("10.244.1.10", echo); await once(again.stdout!, "data");
    const before = got; await new Promise((r) => setTimeout(r, 1500));
    console.log("new owner under default-deny: answers", got - before);
    again.kill("SIGKILL");
  } finally { client.kill("SIGKILL"); server.kill("SIGKILL"); }
}, 60000);
for (const [label, spec] of [
  ["20k overlapping ports, 2 alternating peers", { ingress: [0, 1].map((k) => ({ from: [{ podSelector: { matchLabels: { a: String(k) } } }], ports: Array.from({ length: 10000 }, (_, i) => ({ protocol: "TCP", port: 2 * i + 1 + k })) })) }],
  ["60k single addresses in one ipBlock each", { ingress: [{ from: Array.from({ length: 60000 }, (_, i) => ({ ipBlock: { cidr: `172.${(i >> 15) + 16}.${(i >> 7) & 255}.${(i << 1) & 255}/32` } })) }] }],
  ["30k /24 and 30k port ranges both", { ingress: [{ ports: Array.from({ length: 30000 }, (_, i) => ({ protocol: "UDP", port: 2 * i + 1 })) }] }],
] as const)
  test("nft takes " + label, async () => {
    const t0 = performance.now(); const doc = tableOf([np("big", spec)], at); const t1 = performance.now();
    let outcome = "ok"; try { await rig.load(doc); } catch (e: any) { outcome = JSON.stringify(e).slice(0, 300) + String(e).slice(0, 200); }
    console.log(label, "plan", Math.round(t1 - t0), "ms, load", Math.round(performance.now() - t1), "ms", outcome);
  }, 120000);

import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { followBus, readNetmapHint } from "../../../src/adapters/tailscale/ipn-bus.ts";
import { createLocalApi } from "../../../src/adapters/tailscale/local-api.ts";
import { tailnetNodeAnnotation } from "../../../src/domain/kubernetes/kubernetes-objects.ts";
import { waitForDaemon } from "../../lab/headcni/daemon.ts";
import { intoTailnet, wireLog } from "../../lab/headcni/wire.ts";
import { applyObjects, getJson, kubectl } from "../../lab/kubernetes/control-plane/kubectl.ts";
import { waitForWorkload, workloadObjects } from "../../lab/kubernetes/workload/workload.ts";
import { LabError } from "../../lab/lab-error.ts";
import { nodeOf } from "../../lab/lab-store.ts";
import type { LabNode } from "../../lab/lab-types.ts";
import { stderrProgress } from "../../lab/progress.ts";
import { run, runResult } from "../../lab/run-command.ts";
import { killService, startService } from "../../lab/services.ts";
import { tailscaledStatus } from "../../lab/tailnet/local-api.ts";
import { waitUntil } from "../../lab/wait-until.ts";
import { intruder } from "../support/intruder.ts";
import { allTalk } from "../support/traffic/pods-talk.ts";
import { useLab } from "../support/use-lab.ts";
import { metric, samples } from "../support/views/daemon-view.ts";
import { runInX } from "../support/views/guard-view.ts";

const lab = useLab({ nodes: 3, kubernetes: { network: "headcni", proxyMode: "nftables" } });
const node = (name: string): LabNode => nodeOf(lab(), name);
const apiServer = { name: "kube-apiserver" } as const;
const progress = stderrProgress();

beforeAll(async () => {
  await applyObjects(lab(), workloadObjects({ name: "who", replicas: 3 }));
  await waitForWorkload(lab(), "who", 110);
  await allTalk(lab(), "who", 3);
});

/** Empty while headcni-wire does not run. */
const believed = async (name: string) =>
  await runInX(node(name), ["nft", "list", "table", "inet", "headcni_allowlist"]).catch(onlyLabErrors);
const untilBelieved = (name: string, prefix: string, is: boolean) =>
  waitUntil(async () => (await believed(name)).includes(prefix) === is, {
    what: `${name} ${is ? "believes" : "does not believe"} ${prefix}`,
    timeoutMs: 30_000,
    everyMs: 50,
    explain: () => believed(name),
  });

async function routeStates(of: string, prefix: string): Promise<readonly string[]> {
  const all = await samples(node(of));
  return all.flatMap(({ name, value, labels: { prefix: found, state = "" } }) =>
    name === "headcni_route_state" && value > 0 && found === prefix ? [state] : [],
  );
}

const untilRouteStates = (of: string, prefix: string, states: readonly string[]) =>
  waitUntil(async () => (await routeStates(of, prefix)).join() === states.join(), {
    what: `${of} says of ${prefix} that it is ${states.join()}`,
    timeoutMs: 10_000,
    explain: async () => (await routeStates(of, prefix)).join(),
  });

function onlyLabErrors(error: unknown): string {
  if (error instanceof LabError) return "";
  throw error;
}

test("each Node says which tailnet node it is, and each node believes exactly the others' prefixes", async () => {
  for (const { name, tailscaledSocket } of lab().nodes) {
    const { metadata } = await getJson<{ metadata: { annotations: Record<string, string> } }>(lab(), [
      "node",
      name,
    ]);
    const { Self } = (await tailscaledStatus(tailscaledSocket)) as {
      readonly Self: { readonly ID?: string };
    };
    expect(metadata.annotations[tailnetNodeAnnotation]).toBe(Self.ID);
    for (const other of lab().nodes) await untilBelieved(name, other.podCIDR, other.name !== name);
    const list = JSON.parse(await readFile(join(node(name).stateDir, "allowlist.json"), "utf8")) as {
      readonly bindings: readonly { readonly node: string }[];
    };
    expect(list.bindings.map((binding) => binding.node).sort()).toEqual(["n1", "n2", "n3"]);
  }
});

test("a Node that says nothing is refused until it says it again, which its daemon does at once", async () => {
  await killService(lab(), { name: "daemon", node: "n3" });
  await kubectl(lab(), ["annotate", "node", "n3", `${tailnetNodeAnnotation}-`]);
  await untilBelieved("n1", node("n3").podCIDR, false);
  await untilRouteStates("n1", node("n3").podCIDR, ["unconfirmed"]);
  await startService(lab(), { name: "daemon", node: "n3" });
  await untilBelieved("n1", node("n3").podCIDR, true);
  await allTalk(lab(), "who", 3);
});

test("with daemon and API server away a new wire believes what the list says, and the pods talk", async () => {
  onTestFinished(async () => {
    await startService(lab(), apiServer);
    await startService(lab(), { name: "daemon", node: "n1" });
    await waitForDaemon(lab(), node("n1"));
  });
  await killService(lab(), apiServer);
  await killService(lab(), { name: "daemon", node: "n1" });
  await killService(lab(), { name: "wire", node: "n1" });
  await startService(lab(), { name: "wire", node: "n1" });
  await untilBelieved("n1", node("n2").podCIDR, true);
});

test("what somebody deletes of the table is back within a second, without a daemon, and the wire's log names who", async () => {
  const [n2, prefix] = [node("n2"), node("n1").podCIDR];
  await killService(lab(), { name: "daemon", node: "n2" });
  await untilBelieved("n2", prefix, true);
  const enter = await intoTailnet(n2);
  const whole = async () => {
    const { stdout } = await runResult(enter(["nft", "list", "table", "inet", "headcni_allowlist"]));
    return stdout.replaceAll(/packets \d+ bytes \d+/g, "");
  };
  const before = await whole();
  for (const spoil of [
    "delete table inet headcni_allowlist",
    "flush ruleset",
    "flush chain inet headcni_allowlist forward",
    `delete element inet headcni_allowlist believed4 { ${prefix} }`,
  ]) {
    const said = (await tableChanges(n2)).length;
    await run(enter(["nft", spoil]));
    const start = performance.now();
    await waitUntil(async () => (await whole()) === before, {
      what: `"${spoil}" is undone`,
      timeoutMs: 30_000,
      everyMs: 5,
    });
    const milliseconds = performance.now() - start;
    progress(`"${spoil}" in n2's tailnet namespace was undone within ${milliseconds.toFixed(0)} ms`);
    expect(milliseconds).toBeLessThan(1_000);
    // A load that was under way undoes it before the wire hears of it.
    const saidNow = async () => (await tableChanges(n2)).slice(said);
    await waitUntil(async () => (await saidNow()).length > 0, {
      what: `the wire's log says who did "${spoil}"`,
      timeoutMs: 5_000,
    });
    expect(await saidNow()).toEqual(["nft changed the table headcni_allowlist"]);
  }
  await startService(lab(), { name: "daemon", node: "n2" });
  await waitForDaemon(lab(), n2);
  await allTalk(lab(), "who", 3);
});

/** What a node's headcni-wire logged of it. */
async function tableChanges(of: LabNode): Promise<readonly string[]> {
  const log = await readFile(wireLog(of), "utf8");
  return log.split("\n").flatMap((line) => {
    if (!line.includes("TABLE_CHANGED")) return [];
    return [(JSON.parse(line) as { readonly failure: { readonly message: string } }).failure.message];
  });
}

/** When tailscaled told of a netmap in which anybody but its Node's machine serves the prefix, and when X's table changed after. */
async function removalMs(of: LabNode, prefix: string, rogue: () => Promise<unknown>): Promise<number> {
  const told = Promise.withResolvers<number>();
  const removed = Promise.withResolvers<number>();
  const api = createLocalApi(of.tailscaledSocket);
  const stop = followBus(
    api,
    (line) => {
      const routes = readNetmapHint(line);
      if (routes === undefined || routes === "unknown") return;
      if (Object.values(routes).some((texts) => texts.includes(prefix))) told.resolve(performance.now());
    },
    (error) => told.reject(error),
  );
  const [program, ...args] = (await intoTailnet(of))(["nft", "monitor", "new", "tables"]);
  const monitor = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  createInterface({ input: monitor.stdout }).on("line", (line) => {
    if (line.includes("headcni_allowlist"))
      told.promise.then(
        () => removed.resolve(performance.now()),
        () => undefined,
      );
  });
  onTestFinished(() => {
    stop();
    api.close();
    monitor.kill();
  });
  await rogue();
  return (await removed.promise) - (await told.promise);
}

test("a machine that takes over an absent Node's prefix is believed by nobody, without a daemon as well, and named", async () => {
  const { podCIDR } = node("n3");
  await killService(lab(), { name: "daemon", node: "n2" });
  const leave: (() => Promise<unknown>)[] = [];
  // Headscale keeps the first who served until that one is offline for 10 s.
  const milliseconds = await removalMs(node("n2"), podCIDR, async () => {
    const made = await intruder(lab(), node("n1"), "taker", podCIDR);
    leave.push(made.leave);
    await killService(lab(), { name: "daemon", node: "n3" });
    await killService(lab(), { name: "wire", node: "n3" });
    await waitUntil(
      async () => {
        const { Peer } = await tailscaledStatus(node("n2").tailscaledSocket);
        return Object.values(Peer ?? {}).some(
          ({ HostName, PrimaryRoutes }) => HostName === "taker" && PrimaryRoutes?.includes(podCIDR),
        );
      },
      { what: "n2 hears that taker serves n3's prefix", timeoutMs: 60_000 },
    );
    await untilBelieved("n2", podCIDR, false);
  });
  progress(
    `n3's prefix left n2's allowlist ${milliseconds.toFixed(0)} ms after tailscaled told of its netmap`,
  );
  expect(milliseconds).toBeLessThan(1_000);
  await untilBelieved("n1", podCIDR, false);
  await untilRouteStates("n1", podCIDR, ["conflicting"]);
  expect(await metric(node("n1"), "headcni_guard_repairs_total", { invariant: "tailnet.firewall" })).toBe(0);
  await leave[0]?.();
  await startService(lab(), { name: "wire", node: "n3" });
  for (const name of ["n2", "n3"] as const) await startService(lab(), { name: "daemon", node: name });
  for (const name of ["n1", "n2"]) await untilBelieved(name, podCIDR, true);
  await allTalk(lab(), "who", 3);
});

test("a slice of a Node's prefix takes that slice from what is believed, and nothing from this node's own pods", async () => {
  const half = (first: number) => node("n1").podCIDR.replace(/\.0\/24$/, `.${first}/25`);
  const slice = half(128);
  const { leave } = await intruder(lab(), node("n3"), "slicer", slice);
  await untilBelieved("n2", half(0), true);
  await untilRouteStates("n2", slice, ["conflicting"]);
  await untilRouteStates("n2", node("n1").podCIDR, ["installed"]);
  await leave();
  await untilBelieved("n2", node("n1").podCIDR, true);
  await allTalk(lab(), "who", 3);
});

import { beforeAll, expect, test } from "vitest";
import { waitForDaemon } from "../lab/headcni/daemon.ts";
import { readyPage } from "../lab/headcni/daemon-pages.ts";
import { nodeOf } from "../lab/lab-store.ts";
import type { LabNode } from "../lab/lab-types.ts";
import { addPod, execInPod, type Pod } from "../lab/pods.ts";
import { killService, startService } from "../lab/services.ts";
import { tailscaledStatus } from "../lab/tailnet/local-api.ts";
import { waitUntil } from "../lab/wait-until.ts";
import { intruder } from "./support/intruder.ts";
import { useLab } from "./support/use-lab.ts";
import { samples } from "./support/views/daemon-view.ts";

/** n3 has no pods: its namespace is where an intruder runs a tailscaled that announces what is n1's. */
const lab = useLab({ nodes: 3 });
const node = (name: string): LabNode => nodeOf(lab(), name);
const pods: { a1: Pod; a2: Pod; b: Pod } = {} as never;

beforeAll(async () => {
  pods.a1 = await addPod(lab(), "n1", "a1");
  pods.a2 = await addPod(lab(), "n1", "a2");
  pods.b = await addPod(lab(), "n2", "b");
});

const reaches = async (from: Pod, to: Pod) =>
  (await execInPod(from, ["ping", "-q", "-c", "1", "-W", "1", to.address])).exitCode === 0;

/** The states in which a node's daemon has routes of a prefix, from its metrics. */
async function routeStates(of: string, prefix: string): Promise<readonly string[]> {
  const all = (await samples(node(of))).filter(
    ({ name, value }) => name === "headcni_route_state" && value > 0,
  );
  return all.flatMap(({ labels: { prefix: found, state = "" } }) => (found === prefix ? [state] : []));
}

test("a node that announces a slice of n1's prefix does not get n1's own traffic", async () => {
  const slice = "10.244.1.0/25";
  const { leave } = await intruder(lab(), node("n3"), "slicer", slice);
  await waitUntil(
    async () => {
      const { Peer } = await tailscaledStatus(node("n1").tailscaledSocket);
      return Object.values(Peer ?? {}).some(({ PrimaryRoutes }) => PrimaryRoutes?.includes(slice));
    },
    { what: "n1 hears of the slice", timeoutMs: 30_000 },
  );
  expect(await reaches(pods.a1, pods.a2)).toBe(true);
  await waitUntil(async () => (await routeStates("n2", slice)).includes("conflicting"), {
    what: "n2 shows the conflict",
    timeoutMs: 30_000,
  });
  await leave();
  await waitUntil(() => reaches(pods.b, pods.a1), { what: "n2 reaches n1 again", timeoutMs: 30_000 });
});

test("a second node that took n1's prefix over is named as a conflict, and n1 serves again once it is gone", async () => {
  const { podCIDR } = node("n1");
  const { leave } = await intruder(lab(), node("n3"), "double", podCIDR);
  // Headscale keeps the first who served until that one is offline for 10 s.
  await killService(lab(), { name: "daemon", node: "n1" });
  await killService(lab(), { name: "wire", node: "n1" });
  await waitUntil(async () => (await routeStates("n2", podCIDR)).includes("conflicting"), {
    what: "n2 shows the conflict",
    timeoutMs: 60_000,
  });
  await startService(lab(), { name: "wire", node: "n1" });
  await startService(lab(), { name: "daemon", node: "n1" });
  await waitUntil(async () => (await readyPage(node("n1")))?.serving === true, {
    what: "n1 starts",
    timeoutMs: 30_000,
  });
  expect(await reaches(pods.a1, pods.a2)).toBe(true);
  expect(await routeStates("n1", podCIDR)).not.toContain("serving");
  await leave();
  await waitForDaemon(lab(), node("n1"));
  expect(await routeStates("n1", podCIDR)).toContain("serving");
  await waitUntil(() => reaches(pods.b, pods.a1), { what: "n2 reaches n1", timeoutMs: 30_000 });
});

import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { waitForDaemon } from "../lab/daemon.ts";
import { nodeOf } from "../lab/lab-store.ts";
import type { LabNode } from "../lab/lab-types.ts";
import { netnsPrefix } from "../lab/layout.ts";
import { addNetns, netnsPath, removeNetns } from "../lab/netns.ts";
import { killService, startService } from "../lab/services.ts";
import { podKernelState } from "./support/kernel-view.ts";
import { killStorm, waitUntilNothingIsLeft } from "./support/kill-storm.ts";
import { addressIn, callPlugin } from "./support/plugin-call.ts";
import { useLab } from "./support/use-lab.ts";

const lab = useLab({ nodes: 1 });
const node = (): LabNode => nodeOf(lab(), "n1");
/** `npm run bench -- kills` does 500. */
const kills = 12;

test("12 kills -9 under a storm of ADD and DEL: no address twice, nothing leaked, every success is true", async () => {
  const { adds, twice, dead, undeleted } = await killStorm(lab(), node(), kills);
  expect({ twice, dead, undeleted }).toEqual({ twice: [], dead: [], undeleted: [] });
  expect(adds).toBeGreaterThanOrEqual(kills / 2);
  await waitUntilNothingIsLeft(node());
}, 900_000);

test("a DEL while the daemon is away is done at its next start", async () => {
  const name = `${netnsPrefix(lab().id)}away`;
  await addNetns(name);
  const call = { containerId: randomUUID(), netns: netnsPath(name) };
  const address = addressIn(await callPlugin(node(), { command: "ADD", ...call }));
  await killService(lab(), { name: "daemon", node: "n1" });
  expect(await callPlugin(node(), { command: "DEL", ...call })).toMatchObject({ exitCode: 0 });
  expect((await podKernelState(node())).routes).toContain(address);
  await startService(lab(), { name: "daemon", node: "n1" });
  await waitForDaemon(lab(), node());
  await waitUntilNothingIsLeft(node());
  await removeNetns(name);
});

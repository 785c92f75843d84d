import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { cniErrorCodes } from "../../src/protocol/cni-error-codes.ts";
import { waitForDaemon } from "../lab/headcni/daemon.ts";
import { readyPage } from "../lab/headcni/daemon-pages.ts";
import { nodeOf } from "../lab/lab-store.ts";
import type { LabNode } from "../lab/lab-types.ts";
import { addPod, deletePod, type Pod } from "../lab/pods.ts";
import { serviceProcess, startService, stopService } from "../lab/services.ts";
import { startPodServer, startProbe } from "../lab/traffic/traffic.ts";
import { waitUntil } from "../lab/wait-until.ts";
import { cleanUp, expectCleanNode } from "./support/clean-node.ts";
import { eachMode } from "./support/each-mode.ts";
import { callPlugin, errorCodeIn } from "./support/plugin-call.ts";

/** Routes approved by each node itself, through Headscale's API. */
eachMode({ nodes: 2, approval: "api" }, (lab, mode) => {
  const node = (name: string): LabNode => nodeOf(lab(), name);
  const pods: { a: Pod; b: Pod } = {} as never;
  const daemon = { name: "daemon", node: "n1" } as const;
  const tailscaled = { name: "tailscaled", node: "n1" } as const;

  beforeAll(async () => {
    pods.a = await addPod(lab(), "n1", "a");
    pods.b = await addPod(lab(), "n2", "b");
    await startPodServer(lab(), pods.b);
  });

  test("a daemon that is stopped and started again costs running pods no packet and keeps its tailscaled", async () => {
    const before = await serviceProcess(lab(), tailscaled);
    const probe = await startProbe(pods.a, pods.b.address, 5);
    await stopService(lab(), daemon);
    expect(await serviceProcess(lab(), tailscaled)).toEqual(before);
    await startService(lab(), daemon);
    await waitForDaemon(lab(), node("n1"));
    const { sent, received } = await probe.stop();
    expect(received).toBe(sent);
    expect(await serviceProcess(lab(), tailscaled)).toEqual(before);
  });

  test("an ADD that meets a starting daemon waits for it", async () => {
    await stopService(lab(), daemon);
    const added = addPod(lab(), "n1", "early");
    await startService(lab(), daemon);
    expect((await added).address).toMatch(/^10\.244\.1\./);
    await deletePod(lab(), "early");
  });

  test("a daemon whose CNI socket cannot listen serves nobody, names the socket, and serves once it can", async () => {
    const { cniSocket } = node("n1");
    const page = (serving: boolean) =>
      waitUntil(
        async () => {
          const ready = await readyPage(node("n1"));
          return ready?.serving === serving && ready.state !== "unproven" ? ready : undefined;
        },
        { what: `/ready says ${serving ? "serving" : "not serving"}`, timeoutMs: 30_000 },
      );
    await stopService(lab(), daemon);
    await rm(cniSocket, { force: true });
    await mkdir(join(cniSocket, "in-the-way"), { recursive: true });
    await startService(lab(), daemon);
    const { reasons } = await page(false);
    expect(reasons).toContainEqual(
      expect.stringContaining(`the CNI socket is down: cannot listen on ${cniSocket}`),
    );
    await rm(cniSocket, { recursive: true });
    expect(await page(true)).toMatchObject({ state: "proven", reasons: [] });
  });

  test("--cleanup leaves the node as it was before HeadCNI", async () => {
    const before = await serviceProcess(lab(), tailscaled);
    await cleanUp(lab(), node("n1"));
    // In mode host it belongs to the node's owner.
    expect(await serviceProcess(lab(), tailscaled)).toEqual(mode === "host" ? before : undefined);
    await expectCleanNode(node("n1"));
    const status = await callPlugin(node("n1"), { command: "STATUS", config: { cniVersion: "1.1.0" } });
    expect(errorCodeIn(status)).toBe(cniErrorCodes.pluginNotAvailable);
  });
});

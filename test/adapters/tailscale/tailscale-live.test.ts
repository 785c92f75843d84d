import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { launchTailscaled } from "../../../src/adapters/wire/launch-tailscaled.ts";
import { inNetns } from "../../lab/network/netns.ts";
import { endProcess, readProcess } from "../../lab/processes/processes.ts";
import { run, runResult } from "../../lab/run-command.ts";
import { headscale as commandLine, startHeadscale, waitForHeadscale } from "../../lab/tailnet/headscale.ts";
import { until } from "../../support/until.ts";
import { liveTailscale } from "./live-tailscale.ts";
import { startTailnetRig, type TailnetRig } from "./tailnet-rig.ts";

const { signal } = new AbortController();
const limitMs = 30_000;
let rig: TailnetRig;
/** The far node: its machine lives through all tests. */
let far: ReturnType<typeof liveTailscale>;
let near: ReturnType<typeof liveTailscale>;

const upWithPeer = (machine: ReturnType<typeof liveTailscale>) =>
  until(
    () =>
      machine.isIn("up") &&
      machine.status().peers.some((peer) => peer.online && peer.primaryRoutes.length > 0),
    "up with its peer",
    limitMs,
  ).catch((error: Error) => {
    throw new Error(`${error.message}; ${JSON.stringify([machine.login(), machine.status()])}`);
  });
const inNear = (...command: [string, ...string[]]) => inNetns(rig.node(0).netns, command);
const reachesFar = async () => {
  const [address = ""] = far.status().self.addresses;
  return (await runResult(inNear("ping", "-c", "1", "-W", "1", address))).exitCode === 0;
};
/** Another daemon on the same node, in place of the one before. */
function restartDaemon(options: Parameters<typeof liveTailscale>[2] = {}): void {
  near.stop();
  near = liveTailscale(rig, 0, options);
}

beforeAll(async () => {
  rig = await startTailnetRig({ nodes: 3, approval: "policy" });
  far = liveTailscale(rig, 1);
  near = liveTailscale(rig, 0);
  await Promise.all([upWithPeer(near), upWithPeer(far)]);
}, 120_000);
afterEach(() => upWithPeer(near), limitMs);
afterAll(async () => {
  near.stop();
  far.stop();
  await rig.end();
}, 60_000);

describe("tailscaled under its machine, with Headscale", () => {
  test("logs in with the key, is approved by policy and reaches its peer", async () => {
    expect(near.status()).toMatchObject({
      backendState: "Running",
      fresh: true,
      loginError: "",
      self: { online: true, primaryRoutes: [rig.node(0).podCIDR] },
    });
    await until(reachesFar, "the peer", limitMs);
  });

  test("runs with our preferences, and writes its log", async () => {
    const cli = [
      rig.lab.tools.tailscale,
      `--socket=${rig.node(0).tailscaledSocket}`,
      "debug",
      "prefs",
    ] as const;
    const prefs = JSON.parse(await run(inNear(...cli)));
    expect(prefs).toMatchObject({
      ControlURL: rig.headscaleUrl,
      RouteAll: true,
      CorpDNS: false,
      NoSNAT: true,
      NetfilterMode: 0,
      AdvertiseRoutes: [rig.node(0).podCIDR],
    });
    expect(await readFile(join(rig.node(0).runtimeDir, "tailscaled.log"), "utf8")).toContain("tailscaled");
  });

  test("is adopted by the next daemon: the same process, no new login", async () => {
    const before = near.process();
    const { nodeId } = near.status().self;
    restartDaemon();
    await upWithPeer(near);
    expect(near.process()).toEqual(before);
    expect(near.status().self.nodeId).toBe(nodeId);
  });

  test("killed, it is started again without a login and reaches its peer", async () => {
    const before = near.process();
    const { nodeId } = near.status().self;
    if (before === undefined) throw new Error("no process");
    process.kill(before.pid, "SIGKILL");
    await until(() => ![undefined, before.pid].includes(near.process()?.pid), "a new process", limitMs);
    await upWithPeer(near);
    await until(reachesFar, "the peer", limitMs);
    expect(near.status().self.nodeId).toBe(nodeId);
  });

  test("a second tailscaled of ours cannot start beside it", async () => {
    const before = await rig.tailnet(0).findProcess();
    const ended = new Promise((resolve) => {
      launchTailscaled(rig.launched(0), { answers: () => undefined, ended: resolve });
    });
    expect(await ended).toMatchObject({ message: expect.stringContaining("another tailscaled of ours") });
    expect(await rig.tailnet(0).findProcess()).toEqual(before);
  });

  test("preferences that somebody changes are put right, others are left", async () => {
    const cli = [rig.lab.tools.tailscale, `--socket=${rig.node(0).tailscaledSocket}`] as const;
    await run(inNear(...cli, "set", "--accept-routes=false", "--shields-up=true"));
    const prefs = async () => JSON.parse(await run(inNear(...cli, "debug", "prefs")));
    await until(async () => (await prefs()).RouteAll === true, "accepted routes", limitMs);
    expect((await prefs()).ShieldsUp).toBe(true);
    await run(inNear(...cli, "set", "--shields-up=false"));
  });

  test("with Headscale away it keeps its peer, and returns to Headscale with the far node", async () => {
    const record = await readProcess(rig.lab.processFolder, "headscale");
    if (record === undefined) throw new Error("no Headscale");
    const reportsBefore = near.reports.length;
    await endProcess(record);
    await until(() => near.isIn("degraded") && far.isIn("degraded"), "the loss of control", limitMs);
    expect(await reachesFar()).toBe(true);
    await startHeadscale(rig.lab);
    await waitForHeadscale(rig.lab);
    await upWithPeer(near);
    await until(reachesFar, "the peer", limitMs);
    expect(near.reports.slice(reportsBefore).map(({ type }) => type)).not.toContain("tailscale.down");
  });

  test("deleted in Headscale, it registers anew with the key once Headscale is asked", async () => {
    const { nodeId } = near.status().self;
    await commandLine(rig.lab, ["nodes", "delete", "-i", nodeId, "--force"]);
    // What the machine does by itself after two minutes without an answer from any peer.
    await near.tailnet.recheckLogin(signal);
    await until(() => near.isIn("needsLogin"), "the need of a login", limitMs);
    await upWithPeer(near);
    expect(near.status().self.nodeId).not.toBe(nodeId);
  });

  test("a bad key leaves a node waiting with Headscale's reason, and another key heals it", async () => {
    const authKeyFile = join(rig.node(2).folder, "auth.key");
    await writeFile(authKeyFile, `hskey-auth-${"0".repeat(12)}-${"0".repeat(64)}`);
    const third = liveTailscale(rig, 2, { authKeyFile });
    try {
      await until(() => third.login() === "backingOff", "the refusal", limitMs);
      expect(third.isIn("needsLogin")).toBe(true);
      expect(third.status().loginError).toBe("invalid pre auth key");
      await writeFile(authKeyFile, await rig.authKey());
      third.actor.send({ type: "credentials.replaced" });
      await upWithPeer(third);
      expect(third.status().loginError).toBe("");
    } finally {
      third.stop();
    }
  });
});

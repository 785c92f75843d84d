import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createActor } from "xstate";
import { cleanupMachine } from "../../../machines/cleanup/cleanup-machine.ts";
import { ownRouteMachine } from "../../../machines/route/own-route-machine.ts";
import { peerRouteMachine } from "../../../machines/route/peer-route-machine.ts";
import { routeRows } from "../../../machines/routes/route-rows.ts";
import type { RoutesFact } from "../../../machines/routes/routes-events.ts";
import { routesMachine } from "../../../machines/routes/routes-machine.ts";
import { type CleanupOptions, type CleanupPorts, cleanupActors } from "../../../src/actors/cleanup-actors.ts";
import { routeActors } from "../../../src/actors/tailnet/route-actors.ts";
import { type Kernel, openKernel } from "../../../src/adapters/netlink/open-kernel.ts";
import { inNetns, ipBatch, netnsPath } from "../../lab/network/netns.ts";
import { runResult } from "../../lab/run-command.ts";
import { headscale as commandLine } from "../../lab/tailnet/headscale.ts";
import { cleanupEffects } from "../../support/cleanup-effects.ts";
import { recorder } from "../../support/machines/recorder.ts";
import { until } from "../../support/until.ts";
import { liveTailscale } from "./live-tailscale.ts";
import { startTailnetRig, type TailnetRig } from "./tailnet-rig.ts";

const limitMs = 30_000;
let rig: TailnetRig;
let near: ReturnType<typeof liveTailscale>;
let far: ReturnType<typeof liveTailscale>;
let kernel: Kernel;
let routes: ReturnType<typeof startRoutes>;

/** The routes machine of node 0. Here X is the node too, so its echoes are sent in X. */
function startRoutes() {
  const parent = recorder<RoutesFact>();
  const { netns, podCIDR } = rig.node(0);
  const echo = async (source: string, destination: string) => {
    const ping = inNetns(netns, ["ping", "-c", "1", "-W", "1", "-I", source, destination]);
    return (await runResult(ping)).exitCode === 0 ? 1 : undefined;
  };
  const actors = routeActors({ ...kernel.state, echo }, near.tailnet, () => "tailscale0");
  const actor = createActor(
    routesMachine.provide({
      actors: {
        ...actors.routes,
        ownRoute: ownRouteMachine.provide({ actors: actors.ownRoute }),
        peerRoute: peerRouteMachine.provide({ actors: actors.peerRoute }),
      },
    }),
    {
      input: {
        own: [podCIDR],
        bound: null,
        supernets: [rig.lab.supernet],
        approval: "api",
        headscale: near.headscale,
        health: parent.ref,
      },
    },
  ).start();
  const send = () => actor.send({ type: "tailnet.changed", status: near.status() });
  const told = setInterval(() => {
    if (near.status() !== last) send();
    last = near.status();
  }, 100);
  let last: unknown;
  send();
  const row = (prefix: string, kind: "own" | "peer" = "peer") => {
    const { ownRows, peers } = actor.getSnapshot().context;
    return routeRows(ownRows, peers).find((one) => one.prefix === prefix && one.kind === kind);
  };
  return {
    actor,
    parent,
    row,
    reaches: (prefix: string, state: string, kind: "own" | "peer" = "peer") =>
      until(() => row(prefix, kind)?.state === state, `${prefix} ${state}`, limitMs),
    stop: () => {
      clearInterval(told);
      actor.stop();
    },
  };
}

const servedByNear = async () => {
  const nodes = await rig.headscale().listNodes(new AbortController().signal);
  return nodes.find(({ name }) => name === "n1")?.servingRoutes;
};

beforeAll(async () => {
  rig = await startTailnetRig({ nodes: 2, approval: "api" });
  for (const index of [0, 1])
    await ipBatch(rig.node(index).netns, [`address add ${rig.node(index).routerAddress}/32 dev lo`]);
  near = liveTailscale(rig, 0, { authKeyFrom: "headscale" });
  far = liveTailscale(rig, 1, { authKeyFrom: "headscale" });
  await until(() => near.isIn("up") && far.isIn("up"), "both nodes up", limitMs);
  kernel = await openKernel({
    onFailure: (error) => {
      throw error;
    },
  });
  await kernel.state.openNamespace("tailnet", netnsPath(rig.node(0).netns));
  routes = startRoutes();
}, 120_000);
afterAll(async () => {
  routes.stop();
  near.stop();
  far.stop();
  await kernel.close();
  await rig.end();
}, 60_000);

describe("routes over a real tailnet, approved through the API", () => {
  test("the own prefix is approved by the node itself and served", async () => {
    const { podCIDR } = rig.node(0);
    await routes.reaches(podCIDR, "serving", "own");
    expect(routes.parent.types()).toEqual(["routes.proven"]);
    expect(await servedByNear()).toEqual([podCIDR]);
  });

  test("a peer's prefix is installed once the peer serves it, and put back when it is deleted", async () => {
    const { podCIDR } = rig.node(1);
    const { nodeId } = far.status().self;
    await rig.headscale().approveRoutes(nodeId, [podCIDR], new AbortController().signal);
    await routes.reaches(podCIDR, "installed");
    const table = () => runResult(["ip", "-n", rig.node(0).netns, "route", "show", "table", "52", podCIDR]);
    expect((await table()).stdout).toContain("tailscale0");
    await ipBatch(rig.node(0).netns, [`route del ${podCIDR} table 52`]);
    await until(async () => (await table()).stdout.includes("tailscale0"), "the route", limitMs);
    await routes.reaches(podCIDR, "installed");
  });

  test("a slice of the own prefix that the peer serves is named, and the own prefix keeps serving", async () => {
    const { podCIDR } = rig.node(0);
    const slice = podCIDR.replace("/24", "/25");
    const { tailscale } = rig.lab.tools;
    const announce = (...prefixes: string[]) =>
      runResult([
        tailscale,
        `--socket=${rig.node(1).tailscaledSocket}`,
        "set",
        `--advertise-routes=${prefixes.join()}`,
      ]);
    const { nodeId } = far.status().self;
    // The far machine would put its preferences right at once.
    far.stop();
    await announce(rig.node(1).podCIDR, slice);
    await commandLine(rig.lab, [
      ...["nodes", "approve-routes", "-i", nodeId],
      ...["-r", `${rig.node(1).podCIDR},${slice}`],
    ]);
    await routes.reaches(slice, "conflicting");
    expect(routes.row(slice)).toMatchObject({ host: "n2", culprit: "this node" });
    expect(routes.row(podCIDR, "own")?.state).toBe("serving");
    await announce(rig.node(1).podCIDR);
    await routes.reaches(slice, "lost");
  });

  test("a restarted tailscaled is proven anew, by a packet to the peer's router address", async () => {
    const before = near.process();
    if (before === undefined) throw new Error("no process");
    const seen = routes.parent.events.length;
    process.kill(before.pid, "SIGKILL");
    await until(() => routes.parent.types().slice(seen).includes("routes.unproven"), "the loss", limitMs);
    await until(() => routes.parent.types().at(-1) === "routes.proven", "the proof", limitMs);
    await routes.reaches(rig.node(1).podCIDR, "installed");
  });

  test("cleanup withdraws the prefix, and waits until Headscale no longer makes the node serve it", async () => {
    const { podCIDR } = rig.node(0);
    // A daemon would announce it again.
    routes.stop();
    near.stop();
    const { actors, world } = cleanupEffects();
    const tailnet: CleanupPorts["tailnet"] = near.tailnet;
    const { withdraw, confirm } = cleanupActors(
      { tailnet } as CleanupPorts,
      { prefixes: [podCIDR] as readonly string[] } as CleanupOptions,
    );
    const machine = cleanupMachine.provide({ actors: { ...actors, withdraw, confirm } });
    const actor = createActor(machine, { input: { onlyWithdraws: false, owners: false } }).start();
    await until(() => world.asked.includes("detach"), "the withdrawal", limitMs);
    expect(await servedByNear()).toEqual([]);
    expect(actor.getSnapshot().context.report).toContainEqual({
      step: "routes",
      text: `withdrew the routes: ${podCIDR}`,
    });
    actor.stop();
  });
});

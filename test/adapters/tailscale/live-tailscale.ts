import { readFile } from "node:fs/promises";
import { type ActorRefFrom, createActor } from "xstate";
import { headscaleMachine } from "../../../machines/headscale/headscale-machine.ts";
import { tailnetFeedMachine } from "../../../machines/tailscale/tailnet-feed-machine.ts";
import { tailnetLoginMachine } from "../../../machines/tailscale/tailnet-login-machine.ts";
import { tailscaleMachine } from "../../../machines/tailscale/tailscale-machine.ts";
import type { TailscaleInput, TailscaleReport } from "../../../machines/tailscale/tailscale-types.ts";
import { headscaleActors } from "../../../src/actors/headscale-actors.ts";
import { tailscaleActors } from "../../../src/actors/tailscale-actors.ts";
import type { Wire } from "../../../src/ports/wire.ts";
import { recorder } from "../../support/recorder.ts";
import type { TailnetRig } from "./tailnet-rig.ts";

const noWire: Wire = {
  find: () => Promise.reject(new Error("the daemon runs tailscaled itself")),
  enter: () => Promise.reject(new Error("the daemon runs tailscaled itself")),
};

/** The tailscale machine of one node on the real thing, wired as the daemon wires it, with what it told its parent. */
export function liveTailscale(
  rig: TailnetRig,
  index: number,
  options: { readonly authKeyFile?: string; readonly authKeyFrom?: TailscaleInput["authKeyFrom"] } = {},
) {
  const tailnet = rig.tailnet(index);
  const client = rig.headscale();
  const node = rig.node(index);
  const readKey = async () =>
    (await readFile(options.authKeyFile ?? rig.lab.headscale.authKeyFile, "utf8")).trim();
  const actors = tailscaleActors(tailnet, client, readKey, noWire);
  const parent = recorder<TailscaleReport>();
  const headscale = createActor(headscaleMachine.provide({ actors: headscaleActors(client) }), {
    input: { authenticates: true, tags: ["tag:k8s-node"], hostnamePrefix: "", seed: node.name },
  }).start();
  const actor = createActor(
    tailscaleMachine.provide({
      actors: {
        ...actors.tailscale,
        feed: tailnetFeedMachine.provide({ actors: actors.feed }),
        login: tailnetLoginMachine.provide({ actors: actors.login }),
      },
    }),
    {
      input: {
        wanted: { controlUrl: rig.headscaleUrl, hostname: node.name, advertiseRoutes: [node.podCIDR] },
        authKeyFrom: options.authKeyFrom ?? "credentials",
        launcher: "daemon",
        headscale,
        parent: parent.ref,
      },
    },
  ).start();
  return {
    tailnet,
    actor,
    headscale,
    reports: parent.events,
    status: () => actor.getSnapshot().context.status,
    process: () => actor.getSnapshot().context.process,
    /** State of the login machine while there is one. */
    login: () =>
      (actor.getSnapshot().children["login"] as ActorRefFrom<typeof tailnetLoginMachine>)?.getSnapshot()
        .value,
    isIn: (state: "up" | "degraded" | "needsLogin") => actor.getSnapshot().matches({ attending: state }),
    stop: () => {
      actor.stop();
      headscale.stop();
    },
  };
}

import { readFile } from "node:fs/promises";
import { createActor } from "xstate";
import type { GuardEvent } from "../../../machines/guard/guard-events.ts";
import { headscaleMachine } from "../../../machines/headscale/headscale-machine.ts";
import { rejoinMachine } from "../../../machines/tailnet/rejoin-machine.ts";
import type { StatusChanged, TailnetFact } from "../../../machines/tailnet/tailnet-events.ts";
import { tailnetFeedMachine } from "../../../machines/tailnet/tailnet-feed-machine.ts";
import { tailnetLoginMachine } from "../../../machines/tailnet/tailnet-login-machine.ts";
import { tailnetMachine } from "../../../machines/tailnet/tailnet-machine.ts";
import type { TailscaledInput } from "../../../machines/tailscaled/tailscaled-machine.ts";
import { tailscaledMachine } from "../../../machines/tailscaled/tailscaled-machine.ts";
import { headscaleActors } from "../../../src/actors/tailnet/headscale-actors.ts";
import { tailnetActors } from "../../../src/actors/tailnet/tailnet-actors.ts";
import { noTailnet } from "../../../src/domain/tailnet/tailnet-phase.ts";
import { recorder } from "../../support/machines/recorder.ts";
import type { TailnetRig } from "./tailnet-rig.ts";

/** The tailscale machine of one node on the real thing, wired as the daemon wires it, with what it told its parent. */
export function liveTailscale(
  rig: TailnetRig,
  index: number,
  options: { readonly authKeyFile?: string; readonly authKeyFrom?: TailscaledInput["authKeyFrom"] } = {},
) {
  const tailnet = rig.tailnet(index);
  const client = rig.headscale();
  const node = rig.node(index);
  const readKey = async () =>
    (await readFile(options.authKeyFile ?? rig.lab.headscale.authKeyFile, "utf8")).trim();
  const actors = tailnetActors(tailnet, client, readKey, rig.wire(index));
  const parent = recorder<TailnetFact>();
  const headscale = createActor(headscaleMachine.provide({ actors: headscaleActors(client) }), {
    input: { authenticates: true, tags: ["tag:k8s-node"], hostnamePrefix: "", seed: node.name },
  }).start();
  const actor = createActor(
    tailscaledMachine.provide({
      actors: {
        ...actors.tailscaled,
        tailnet: tailnetMachine.provide({
          actors: {
            ...actors.tailnet,
            feed: tailnetFeedMachine.provide({ actors: actors.feed }),
            login: tailnetLoginMachine.provide({ actors: actors.login }),
            rejoin: rejoinMachine.provide({ actors: actors.rejoin }),
          },
        }),
      },
    }),
    {
      input: {
        wanted: { controlUrl: rig.headscaleUrl, hostname: node.name, advertiseRoutes: [node.podCIDR] },
        authKeyFrom: options.authKeyFrom ?? "credentials",
        headscale,
        health: parent.ref,
        guard: recorder<GuardEvent>().ref,
        routes: recorder<StatusChanged>().ref,
        node: null,
      },
    },
  ).start();
  const session = () => actor.getSnapshot().children.tailnet?.getSnapshot();
  return {
    tailnet,
    actor,
    headscale,
    reports: parent.events,
    status: () => session()?.context.status ?? noTailnet,
    process: () => session()?.context.process,
    /** State of the login machine while there is one. */
    login: () => session()?.children.login?.getSnapshot().value,
    isIn: (state: "up" | "degraded" | "needsLogin") => session()?.matches(state) === true,
    stop: () => {
      actor.stop();
      headscale.stop();
    },
  };
}

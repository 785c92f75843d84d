import { readFile } from "node:fs/promises";
import { createActor, fromCallback } from "xstate";
import type { GuardEvent } from "../../../machines/guard/guard-events.ts";
import { headscaleMachine } from "../../../machines/headscale/headscale-machine.ts";
import type { OwnerJudged } from "../../../machines/owner/owner-events.ts";
import { ownerFeedMachine } from "../../../machines/owner/owner-feed-machine.ts";
import { ownerMachine } from "../../../machines/owner/owner-machine.ts";
import { rejoinMachine } from "../../../machines/tailnet/rejoin-machine.ts";
import type { StatusChanged, TailnetFact } from "../../../machines/tailnet/tailnet-events.ts";
import { tailnetFeedMachine } from "../../../machines/tailnet/tailnet-feed-machine.ts";
import { tailnetLoginMachine } from "../../../machines/tailnet/tailnet-login-machine.ts";
import { tailnetMachine } from "../../../machines/tailnet/tailnet-machine.ts";
import { headscaleActors } from "../../../src/actors/tailnet/headscale-actors.ts";
import { ownerActors } from "../../../src/actors/tailnet/owner-actors.ts";
import { tailnetActors } from "../../../src/actors/tailnet/tailnet-actors.ts";
import { createOwner } from "../../../src/adapters/owner/owner-client.ts";
import { createTailnet, ownersPrefs } from "../../../src/adapters/tailscale/tailnet-client.ts";
import { runtimePaths } from "../../../src/config/runtime-paths.ts";
import type { Wire } from "../../../src/ports/wire.ts";
import type { TailnetRig } from "../../adapters/tailscale/tailnet-rig.ts";
import { run } from "../../lab/run-command.ts";
import { recorder } from "../../support/machines/recorder.ts";

/** What `ip -json address` says of a link. */
interface Link {
  readonly ifname: string;
  readonly mtu: number;
  readonly addr_info: readonly { readonly local: string }[];
}

/** The owner machine of one node on its own tailscaled, wired as the daemon wires it, beside a guard that holds when it may. `authKeyFile`: of a key of ours. */
export function liveOwner(
  rig: TailnetRig,
  index: number,
  { authKeyFile }: { readonly authKeyFile?: string } = {},
) {
  const node = rig.node(index);
  const socket = node.hostTailscaledSocket ?? "";
  const owner = createOwner({
    socket,
    runtimeDir: node.runtimeDir,
    paths: runtimePaths(node),
    links: async () => {
      const links = JSON.parse(await run(["ip", "-n", node.netns, "-json", "address"])) as readonly Link[];
      return links.map(({ ifname, mtu, addr_info }) => ({
        name: ifname,
        mtu,
        addresses: addr_info.map(({ local }) => local),
      }));
    },
    resolvConfs: async () => [],
    guardedAtBoot: async () => true,
  });
  const tailnet = createTailnet(socket, owner.running, ownersPrefs);
  const client = rig.headscale();
  const readKey = async () => (await readFile(authKeyFile ?? "/nonexistent", "utf8")).trim();
  const session = tailnetActors(tailnet, client, readKey, {} as Wire);
  const actors = ownerActors(owner, tailnet, { openNamespace: async () => undefined }, async () => undefined);
  const health = recorder<TailnetFact | OwnerJudged>();
  const guard = { holds: true, asked: 0 };
  const headscale = createActor(headscaleMachine.provide({ actors: headscaleActors(client) }), {
    input: { authenticates: true, tags: ["tag:k8s-node"], hostnamePrefix: "", seed: node.name },
  }).start();
  const actor = createActor(
    ownerMachine.provide({
      actors: {
        ...actors.owner,
        feed: ownerFeedMachine.provide({ actors: actors.feed }),
        tailnet: tailnetMachine.provide({
          actors: {
            ...session.tailnet,
            feed: tailnetFeedMachine.provide({ actors: session.feed }),
            login: tailnetLoginMachine.provide({ actors: session.login }),
            rejoin: rejoinMachine.provide({ actors: session.rejoin }),
          },
        }),
      },
    }),
    {
      input: {
        wanted: { controlUrl: rig.headscaleUrl, hostname: node.name, advertiseRoutes: [node.podCIDR] },
        authKeyFrom: authKeyFile === undefined ? "owner" : "credentials",
        mtu: 1280,
        headscale,
        health: health.ref,
        guard: createActor(
          fromCallback<GuardEvent>(({ receive }) => {
            receive((event) => {
              if (event.type !== "tailnetNamespace.opened") return;
              guard.asked += 1;
              if (guard.holds) event.replyTo.send({ type: "tailnetNamespace.held" });
            });
          }),
        ).start(),
        routes: recorder<StatusChanged>().ref,
        node: null,
      },
    },
  ).start();
  return {
    owner,
    actor,
    guard,
    state: () => JSON.stringify(actor.getSnapshot().value),
    facts: () => actor.getSnapshot().context.facts,
    hindered: () => {
      const { value } = actor.getSnapshot();
      const found = typeof value === "object" && "found" in value ? value.found : undefined;
      return typeof found === "object" && "hindered" in found ? found.hindered : undefined;
    },
    isKept: () => actor.getSnapshot().matches({ found: { attending: { preferences: "kept" } } }),
    isUp: () => actor.getSnapshot().children.tailnet?.getSnapshot().matches("up") === true,
    lastWords: () => health.events.findLast((event) => event.type === "owner.judged")?.words ?? "",
    lastDown: () => health.events.findLast((event) => event.type === "tailscale.down")?.reason ?? "",
    stop: () => {
      actor.stop();
      headscale.stop();
      owner.close();
      tailnet.close();
    },
  };
}

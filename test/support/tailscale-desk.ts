import { createActor, fromCallback, fromPromise } from "xstate";
import type { HeadscaleEvent } from "../../machines/headscale/headscale-jobs.ts";
import { tailscaleMachine } from "../../machines/tailscale/tailscale-machine.ts";
import type {
  GreeterEvent,
  TailscaledIdentity,
  TailscaleEvent,
  TailscaleReport,
  WantedTailnet,
} from "../../machines/tailscale/tailscale-types.ts";
import { noTailnet } from "../../src/domain/tailnet-phase.ts";
import type { TailnetPeer, TailnetStatus } from "../../src/domain/tailnet-status.ts";
import { type ManualClock, manualClock } from "./manual-clock.ts";
import { recorder } from "./recorder.ts";
import { settledOnCommand } from "./settled-on-command.ts";
import { until } from "./until.ts";

export const process: TailscaledIdentity = { pid: 42, startTime: "1000" };
const wanted: WantedTailnet = {
  controlUrl: "http://10.99.0.1:8080",
  hostname: "n1",
  advertiseRoutes: ["10.244.1.0/24"],
};
export const peer: TailnetPeer = {
  nodeId: "8",
  hostName: "n2",
  online: true,
  addresses: ["100.64.0.2"],
  primaryRoutes: ["10.244.2.0/24"],
  currentAddress: "",
  relay: "",
};
const self = {
  nodeId: "7",
  hostName: "n1",
  online: true,
  addresses: ["100.64.0.1"],
  primaryRoutes: ["10.244.1.0/24"],
};
export const online: TailnetStatus = {
  ...noTailnet,
  backendState: "Running",
  self,
  peers: [peer],
  fresh: true,
};
export const alone: TailnetStatus = { ...online, peers: [] };
export const offline: TailnetStatus = { ...online, self: { ...self, online: false } };
export const loggedOut: TailnetStatus = { ...noTailnet, backendState: "NeedsLogin" };
export const wireGone = { code: "WIRE_GONE", message: "headcni-wire is gone" };
export const tailscaledAway = { code: "TAILSCALED_AWAY", message: "tailscaled does not answer" };
export const read = (status: TailnetStatus) => ({ type: "tailnet.read", status }) as const;

export function inputOf(parent: ReturnType<typeof recorder<TailscaleReport>>) {
  return {
    wanted,
    authKeyFrom: "credentials" as const,
    launcher: "daemon" as const,
    headscale: recorder<HeadscaleEvent>().ref,
    parent: parent.ref,
  };
}

export function fireAll(clock: ManualClock): void {
  for (const delayMs of clock.running()) clock.fire(delayMs);
}

/** The tailscale machine over a tailscaled that is there already (`running`) or not; effects are settled by the test. */
export function startTailscale(running: boolean, launcher: "daemon" | "wire" = "daemon") {
  const parent = recorder<TailscaleReport>();
  const greeted: string[] = [];
  const counts = { seeks: 0, entered: 0, starts: 0, reconciled: 0, rejoins: 0, rechecks: 0 };
  const alive = { process: running ? process : undefined };
  const peersAnswer = { value: true };
  const feeds = settledOnCommand();
  let feedId = "";
  const clock = manualClock();
  const forEver = new Promise<never>(() => undefined);
  const actor = createActor(
    tailscaleMachine.provide({
      actors: {
        find: fromPromise<TailscaledIdentity | undefined, void>(async () => alive.process),
        start: fromPromise<TailscaledIdentity, void>(async () => {
          counts.starts += 1;
          alive.process = { pid: 42 + counts.starts, startTime: "2000" };
          return alive.process;
        }),
        seekWire: fromCallback<TailscaleEvent, undefined>(() => {
          counts.seeks += 1;
        }),
        enter: fromPromise<void, void>(async () => {
          counts.entered += 1;
        }),
        reconcile: fromPromise<void, { readonly wanted: WantedTailnet }>(async () => {
          counts.reconciled += 1;
        }),
        // The machines it invokes have tests of their own.
        feed: feeds.logic as never,
        login: fromPromise(() => forEver) as never,
        greeter: fromCallback<GreeterEvent, undefined>(({ receive }) => {
          receive((event) => {
            const how = event.type === "peers.greet" ? event.settleMs : "again";
            greeted.push(...event.addresses.map((address) => `${address} ${how}`));
          });
        }),
        checkPeers: fromPromise<boolean, { readonly addresses: readonly string[] }>(
          async () => peersAnswer.value,
        ),
        recheck: fromPromise<void, void>(async () => {
          counts.rechecks += 1;
        }),
        rejoin: fromPromise<void, void>(() => {
          counts.rejoins += 1;
          return forEver;
        }),
        stop: fromPromise<void, void>(async () => {
          alive.process = undefined;
        }),
      },
    }),
    { input: { ...inputOf(parent), launcher }, clock },
  );
  actor.subscribe((snapshot) => {
    feedId = Object.keys(snapshot.children).find((id) => feeds.running().includes(id)) ?? feedId;
  });
  actor.start();
  const at = (state: string) => {
    const value = state
      .split(".")
      .reduceRight<unknown>((inner, name) => (inner === undefined ? name : { [name]: inner }), undefined);
    return until(() => actor.getSnapshot().matches(value as never), state);
  };
  return {
    actor,
    clock,
    counts,
    greeted,
    peersAnswer,
    at,
    statuses: () =>
      parent.events.flatMap((event) =>
        event.type === "tailscale.changed" ? [event.status.backendState] : [],
      ),
    told: () =>
      parent.types().filter((type) => type !== "tailscale.changed" && !type.startsWith("tailscale.login")),
    logins: () => parent.events.filter(({ type }) => type.startsWith("tailscale.login")),
    say: (status: TailnetStatus) => actor.send(read(status) satisfies TailscaleEvent),
    die: () => {
      alive.process = undefined;
      feeds.resolve(feedId, undefined);
    },
  };
}

import { createActor, fromCallback, fromPromise } from "xstate";
import type { HeadscaleEvent } from "../../machines/headscale/headscale-jobs.ts";
import type {
  GreeterEvent,
  SessionSettled,
  StatusChanged,
  TailnetEvent,
  TailnetFact,
  TailnetInput,
  TailscaledIdentity,
  WantedTailnet,
} from "../../machines/tailnet/tailnet-events.ts";
import { tailnetMachine } from "../../machines/tailnet/tailnet-machine.ts";
import { noTailnet } from "../../src/domain/tailnet/tailnet-phase.ts";
import type { TailnetPeer, TailnetStatus } from "../../src/domain/tailnet/tailnet-status.ts";
import { manualClock } from "./machines/manual-clock.ts";
import { recorder } from "./machines/recorder.ts";
import { settledOnCommand } from "./machines/settled-on-command.ts";
import { until } from "./until.ts";

const process: TailscaledIdentity = { pid: 42, startTime: "1000" };
export const wanted: WantedTailnet = {
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
export const read = (status: TailnetStatus) => ({ type: "tailnet.read", status }) as const;

export function inputOf(root: ReturnType<typeof recorder<StatusChanged | TailnetFact>>) {
  return {
    process,
    arrival: "adopted",
    wanted,
    authKeyFrom: "credentials",
    headscale: recorder<HeadscaleEvent>().ref,
    health: root.ref,
    routes: root.ref,
    node: null,
    parent: recorder<SessionSettled>().ref,
  } satisfies TailnetInput;
}

/** A session with tailscaled; effects are settled by the test. */
export function startTailnet(arrival: TailnetInput["arrival"] = "adopted") {
  const root = recorder<StatusChanged | TailnetFact>();
  const parent = recorder<SessionSettled>();
  const greeted: string[] = [];
  const counts = { rejoins: 0, rechecks: 0 };
  const peersAnswer = { value: true };
  const feed = settledOnCommand();
  const clock = manualClock();
  const forEver = new Promise<never>(() => undefined);
  const actor = createActor(
    tailnetMachine.provide({
      actors: {
        // The machines it invokes have tests of their own.
        feed: feed.logic as never,
        login: fromPromise(() => forEver) as never,
        rejoin: fromPromise(() => {
          counts.rejoins += 1;
          return forEver;
        }) as never,
        greeter: fromCallback<GreeterEvent, undefined>(({ receive }) => {
          receive((event) => {
            greeted.push(...event.addresses.map((address) => `${address} ${event.settleMs}`));
          });
        }),
        checkPeers: fromPromise<boolean, { readonly addresses: readonly string[] }>(
          async () => peersAnswer.value,
        ),
        recheck: fromPromise<void, void>(async () => {
          counts.rechecks += 1;
        }),
      },
    }),
    { input: { ...inputOf(root), arrival, parent: parent.ref }, clock },
  ).start();
  return {
    actor,
    clock,
    counts,
    greeted,
    parent,
    peersAnswer,
    at: (state: string) => until(() => actor.getSnapshot().matches(stateValue(state) as never), state),
    statuses: () =>
      root.events.flatMap((event) => (event.type === "tailnet.changed" ? [event.status.backendState] : [])),
    told: () => root.types().filter((type) => type === "tailscale.up" || type === "tailscale.down"),
    reasons: () => root.events.flatMap((event) => (event.type === "tailscale.down" ? [event.reason] : [])),
    logins: () => root.events.filter(({ type }) => type.startsWith("tailscale.login")),
    say: (status: TailnetStatus) => actor.send(read(status) satisfies TailnetEvent),
    die: () => feed.resolve("feed", undefined),
  };
}

/** "a.b" as XState's `matches` takes it. */
function stateValue(path: string): unknown {
  return path
    .split(".")
    .reduceRight<unknown>((inner, name) => (inner === undefined ? name : { [name]: inner }), undefined);
}

import { fromCallback, fromPromise } from "xstate";
import type {
  BusChange,
  GreeterEvent,
  TailnetEvent,
  TailscaledIdentity,
  WantedTailnet,
} from "../../../machines/tailnet/tailnet-events.ts";
import type { ReadTailnet } from "../../../machines/tailnet/tailnet-feed-machine.ts";
import type { FoundTailscaled } from "../../../machines/tailscaled/tailscaled-machine.ts";
import type { Headscale } from "../../ports/headscale.ts";
import type { Tailnet } from "../../ports/tailnet.ts";
import type { Wire } from "../../ports/wire.ts";
import { greetPeers } from "./greet-peers.ts";

/** Effects of `tailscaled`, of the session that it invokes, and under their names those of the machines that this invokes. */
export function tailnetActors(
  tailnet: Tailnet,
  headscale: Pick<Headscale, "probe">,
  readAuthKey: () => Promise<string>,
  wire: Wire,
  now: () => number = Date.now,
) {
  const recheck = fromPromise<void, void>(({ signal }) => tailnet.recheckLogin(signal));
  return {
    tailscaled: {
      seek: fromPromise<FoundTailscaled, void>(async () => ({ attended: true, ...(await wire.find()) })),
      enter: fromPromise<string, void>(async () => {
        const namespace = await wire.enter();
        // From here on the tailnet port speaks of this process.
        await tailnet.findProcess();
        return namespace;
      }),
    },
    tailnet: {
      greeter: fromCallback<GreeterEvent, undefined>(({ receive, sendBack }) => {
        const ending = new AbortController();
        receive((greeting) => {
          greetPeers(tailnet, greeting, ending.signal).then(
            () => {
              if (greeting.awaited) sendBack({ type: "peers.greeted" } satisfies TailnetEvent);
            },
            () => undefined,
          );
        });
        return () => ending.abort();
      }),
      checkPeers: fromPromise<boolean, { readonly addresses: readonly string[] }>(
        async ({ input, signal }) => {
          if (input.addresses.length === 0) return true;
          const answers = await Promise.all(
            input.addresses.map((address) => tailnet.discoPing(address, signal)),
          );
          return answers.some((answer) => answer !== undefined);
        },
      ),
      recheck,
    },
    feed: {
      find: fromPromise<TailscaledIdentity | undefined, void>(() => tailnet.findProcess()),
      bus: fromCallback<BusChange | { type: "bus.closed" }, undefined>(({ sendBack }) =>
        tailnet.watch(
          (hint) => sendBack({ type: "bus.changed", ...hint }),
          () => sendBack({ type: "bus.closed" }),
        ),
      ),
      pulse: fromPromise<string, void>(({ signal }) => tailnet.pulse(signal)),
      read: fromPromise<ReadTailnet, { readonly wanted?: WantedTailnet }>(async ({ input, signal }) => {
        if (input.wanted !== undefined && (await tailnet.hasNodeKey(signal)))
          await tailnet.reconcilePrefs(input.wanted, signal);
        const status = await tailnet.status(signal);
        return { status, process: await tailnet.findProcess() };
      }),
    },
    login: {
      hasNodeKey: fromPromise<boolean, void>(({ signal }) => tailnet.hasNodeKey(signal)),
      disconnectControl: fromPromise<void, void>(({ signal }) => tailnet.disconnectControl(signal)),
      login: fromPromise<void, { readonly wanted: WantedTailnet; readonly authKey?: string }>(
        async ({ input: { wanted, authKey }, signal }) =>
          tailnet.login({ ...wanted, authKey: authKey ?? (await readAuthKey()) }, signal),
      ),
    },
    rejoin: {
      readClock: fromPromise<number, void>(async () => now()),
      probe: fromPromise<number, { readonly limitMs: number }>(async ({ input, signal }) => {
        await headscale.probe(AbortSignal.any([signal, AbortSignal.timeout(input.limitMs)]));
        return now();
      }),
      recheck,
    },
  };
}

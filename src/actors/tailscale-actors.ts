import { fromCallback, fromPromise } from "xstate";
import type {
  BusChange,
  GreeterEvent,
  TailscaledIdentity,
  TailscaleEvent,
  WantedTailnet,
} from "../../machines/tailscale/tailscale-types.ts";
import type { TailnetStatus } from "../domain/tailnet-status.ts";
import type { Headscale } from "../ports/headscale.ts";
import type { Tailnet } from "../ports/tailnet.ts";
import type { Wire } from "../ports/wire.ts";
import { greetPeers } from "./greet-peers.ts";
import { rejoinTogether } from "./rejoin-together.ts";
import { seekWire } from "./seek-wire.ts";

/** Effects of the tailscale machine, and under `feed` and `login` those of the machines it invokes. */
export function tailscaleActors(
  tailnet: Tailnet,
  headscale: Pick<Headscale, "probe">,
  readAuthKey: () => Promise<string>,
  wire: Wire,
) {
  const find = fromPromise<TailscaledIdentity | undefined, void>(() => tailnet.findProcess());
  return {
    feed: {
      find,
      bus: fromCallback<BusChange | { type: "bus.closed" }, undefined>(({ sendBack }) =>
        tailnet.watch(
          (hint) => sendBack({ type: "bus.changed", ...hint }),
          () => sendBack({ type: "bus.closed" }),
        ),
      ),
      read: fromPromise<TailnetStatus, { readonly wanted?: WantedTailnet }>(async ({ input, signal }) => {
        if (input.wanted !== undefined && (await tailnet.hasNodeKey(signal)))
          await tailnet.reconcilePrefs(input.wanted, signal);
        return await tailnet.status(signal);
      }),
    },
    login: {
      hasNodeKey: fromPromise<boolean, void>(({ signal }) => tailnet.hasNodeKey(signal)),
      hush: fromPromise<void, void>(({ signal }) => tailnet.disconnectControl(signal)),
      login: fromPromise<void, { readonly wanted: WantedTailnet; readonly authKey?: string }>(
        async ({ input: { wanted, authKey }, signal }) =>
          tailnet.login({ ...wanted, authKey: authKey ?? (await readAuthKey()) }, signal),
      ),
    },
    tailscale: {
      find,
      start: fromPromise<TailscaledIdentity, void>(({ signal }) => tailnet.startProcess(signal)),
      seekWire: seekWire(wire),
      enter: fromPromise<void, void>(async () => {
        await wire.enter();
        // From here on the tailnet port speaks of this process.
        await tailnet.findProcess();
      }),
      reconcile: fromPromise<void, { readonly wanted: WantedTailnet }>(({ input, signal }) =>
        tailnet.reconcilePrefs(input.wanted, signal),
      ),
      greeter: fromCallback<GreeterEvent, undefined>(({ receive, sendBack }) => {
        const ending = new AbortController();
        const { signal } = ending;
        const greeted = () => sendBack({ type: "peers.greeted" } satisfies TailscaleEvent);
        const greetAwaited = greetPeers(tailnet, greeted, signal);
        const greetOthers = greetPeers(tailnet, () => undefined, signal);
        const greetAgain = greetPeers(tailnet, () => undefined, signal);
        receive((event) => {
          if (event.type === "peers.greetAgain") greetAgain(event.addresses, 0);
          else if (event.awaited) greetAwaited(event.addresses, event.settleMs);
          else greetOthers(event.addresses, event.settleMs);
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
      recheck: fromPromise<void, void>(({ signal }) => tailnet.recheckLogin(signal)),
      rejoin: fromPromise<void, void>(({ signal }) =>
        rejoinTogether(
          (limit) => headscale.probe(limit),
          () => tailnet.recheckLogin(signal),
          signal,
        ),
      ),
      stop: fromPromise<void, void>(async ({ signal }) => {
        const process = await tailnet.findProcess();
        if (process !== undefined) await tailnet.stopProcess(process, signal);
      }),
    },
  };
}

import { fromCallback, fromPromise } from "xstate";
import type { RoutesEvent } from "../../../machines/routes/routes-events.ts";
import { parsePrefix } from "../../domain/addresses/prefix.ts";
import { routeProtocol, tailscaleTable } from "../../domain/kernel/kernel-constants.ts";
import type { KernelState } from "../../ports/kernel-state.ts";
import type { Tailnet } from "../../ports/tailnet.ts";
import { pingPatiently } from "./greet-peers.ts";

const echoMs = 1000;
const echoesAtOnce = 3;
/** Three pings take 0.9 s when nobody answers. */
const pathAttempts = 3;

/** Effects of the routes machine, and under `ownRoute` and `peerRoute` those of its children. */
export function routeActors(
  kernel: Pick<KernelState, "observe" | "watch" | "apply" | "echo">,
  tailnet: Pick<Tailnet, "recheckLogin" | "discoPing">,
  /** tailscaled's, as it is named then. */
  interfaceName: () => string | Promise<string>,
) {
  return {
    routes: {
      watchTable: fromCallback<RoutesEvent, undefined>(({ sendBack }) =>
        kernel.watch(({ namespace, what }) => {
          const matters = what === "route" || what === "link" || what === "overrun";
          if (namespace === "tailnet" && matters) sendBack({ type: "routeTable.changed" });
        }),
      ),
      readTable: fromPromise<readonly string[], void>(async () => {
        const { routes } = await kernel.observe("tailnet");
        return routes
          .filter(({ table, type }) => table === tailscaleTable && type === "unicast")
          .map(({ destination }) => destination);
      }),
    },
    ownRoute: {
      prove: fromPromise<boolean, { readonly source: string; readonly witnesses: readonly string[] }>(
        ({ input: { source, witnesses }, signal }) => {
          // First the path: a packet without one costs WireGuard's first handshake and with it 5 s.
          const ask = async (witness: string) => {
            const path = await pingPatiently(
              (limit) => tailnet.discoPing(witness, limit),
              signal,
              pathAttempts,
            );
            return path === undefined ? undefined : await kernel.echo(source, witness, echoMs);
          };
          return prove(ask, witnesses, signal);
        },
      ),
      refresh: fromPromise<void, void>(({ signal }) => tailnet.recheckLogin(signal)),
    },
    peerRoute: {
      reinstall: fromPromise<void, { readonly prefix: string }>(async ({ input: { prefix } }) => {
        // As tailscaled's own (osrouter: addRoute), but for the protocol number.
        const route = {
          family: parsePrefix(prefix).family,
          type: "unicast",
          destination: prefix,
          table: tailscaleTable,
          metric: 0,
          protocol: routeProtocol,
          link: await interfaceName(),
        } as const;
        await kernel.apply("tailnet", [{ op: "route.replace", route }]);
      }),
    },
  };
}

/** A few witnesses at a time, until one answers; true also when there is none. */
async function prove(
  ask: (witness: string) => Promise<number | undefined>,
  witnesses: readonly string[],
  signal: AbortSignal,
): Promise<boolean> {
  if (witnesses.length === 0) return true;
  for (let asked = 0; asked < witnesses.length && !signal.aborted; asked += echoesAtOnce) {
    const answers = await Promise.all(witnesses.slice(asked, asked + echoesAtOnce).map(ask));
    if (answers.some((roundTripMs) => roundTripMs !== undefined)) return true;
  }
  return false;
}

import * as z from "zod";
import { type DiscoKeys, renewedPeers } from "../../domain/tailnet/renewed-peers.ts";
import { pulseOf, type TailnetStatus } from "../../domain/tailnet/tailnet-status.ts";
import type { Tailnet, TailscaledProcess } from "../../ports/tailnet.ts";
import { type BusMessage, followBus, readBusLine } from "./ipn-bus.ts";
import { createLocalApi, type LocalApi } from "./local-api.ts";
import { parseAnswer } from "./parse-answer.ts";
import { loginPrefs, mergePrefs, type Prefs, prefsDifference, readPrefs, withoutRoutes } from "./prefs.ts";
import { type ReadStatus, readStatus } from "./read-status.ts";
import { TailscaleError } from "./tailscale-error.ts";

const pingSchema = z.object({
  Err: z.string().default(""),
  LatencySeconds: z.number().default(0),
  Endpoint: z.string().default(""),
});

/** Shorter than the pulse that `tailnetFeed` keeps. */
const pulseMs = 1500;

/** Whose preferences they are: all ours (ourPrefs), or those of the node's owner (ownersPrefs). */
export interface PrefsPolicy {
  /** All preferences of a login. */
  readonly merge: typeof mergePrefs;
  /** The edit that puts them right between logins. */
  readonly difference: typeof prefsDifference;
}

const ourPrefs: PrefsPolicy = { merge: mergePrefs, difference: prefsDifference };
/** What is added to an owner's, `Owner.announce` adds. */
export const ownersPrefs: PrefsPolicy = { merge: loginPrefs, difference: () => undefined };

/** The tailscaled which answers on `socket` and is the process that `find` finds; `close` ends connections. */
export function createTailnet(
  socket: string,
  find: () => Promise<TailscaledProcess | undefined>,
  policy: PrefsPolicy = ourPrefs,
): Tailnet & { close(): void } {
  const api = createLocalApi(socket);
  // What GET status does not tell, remembered for the process it was seen on.
  let loginError = "";
  let known: TailscaledProcess | undefined;
  let fresh = false;
  let discoKeys: DiscoKeys = {};

  function follow(process: TailscaledProcess | undefined): void {
    if (process?.pid === known?.pid && process?.startTime === known?.startTime) return;
    known = process;
    fresh = false;
    loginError = "";
    discoKeys = {};
  }
  async function look(signal: AbortSignal): Promise<ReadStatus> {
    const { status, haveNodeKey } = readStatus(await api.call({ method: "GET", path: "status" }, signal));
    // Online means an open map poll that has had its first answer (health: GotStreamedMapResponse), so a live netmap.
    if (status.self.online) fresh = true;
    // Of peers that left.
    if (Object.keys(discoKeys).length > status.peers.length)
      discoKeys = Object.fromEntries(
        status.peers.flatMap(({ nodeId }) => {
          const key = discoKeys[nodeId];
          return key === undefined ? [] : [[nodeId, key]];
        }),
      );
    if (status.self.online && status.backendState === "Running") loginError = "";
    return { status, haveNodeKey };
  }
  const prefs = async (signal: AbortSignal) =>
    readPrefs(await api.call({ method: "GET", path: "prefs" }, signal));
  const patch = (body: Prefs, signal: AbortSignal) =>
    api.call({ method: "PATCH", path: "prefs", body }, signal);
  const post = (path: string, body: unknown, signal: AbortSignal) =>
    api.call({ method: "POST", path, body }, signal);

  return {
    async findProcess() {
      const process = await find();
      follow(process);
      return process;
    },
    async status(signal): Promise<TailnetStatus> {
      const { status } = await look(signal);
      return { ...status, loginError, fresh };
    },
    async pulse(signal) {
      const path = "status?peers=false";
      return pulseOf(readStatus(await api.call({ method: "GET", path, timeoutMs: pulseMs }, signal)).status);
    },
    async hasNodeKey(signal) {
      return (await look(signal)).haveNodeKey;
    },
    async login({ authKey, ...wanted }, signal) {
      loginError = "";
      const [current, { status, haveNodeKey }] = [await prefs(signal), await look(signal)];
      await post("start", { AuthKey: authKey, UpdatePrefs: policy.merge(current, wanted) }, signal);
      // Makes a new node key each time: only where there is none, or Headscale no longer takes the one there is.
      if (!haveNodeKey || status.backendState === "NeedsLogin" || status.loginWanted)
        await post("login-interactive", undefined, signal);
    },
    async reconcilePrefs(wanted, signal) {
      const current = await prefs(signal);
      const difference = policy.difference(current, wanted);
      if (difference === undefined) return;
      await patch(difference, signal);
      // tailscaled reads its control URL at start only.
      if ("ControlURL" in difference) await post("start", {}, signal);
    },
    async withdrawRoutes(prefixes, signal) {
      const edit = withoutRoutes(await prefs(signal), prefixes);
      if (edit !== undefined) await patch(edit, signal);
    },
    async disconnectControl(signal) {
      await post("disconnect-control", undefined, signal);
    },
    async recheckLogin(signal) {
      await post("start", {}, signal);
    },
    watch(changed, closed) {
      return followBus(
        api,
        (line) => {
          const message: BusMessage = readBusLine(line) ?? { loginDone: false, prefs: false };
          if (message.loginDone) loginError = "";
          if (message.errorText !== undefined) loginError = message.errorText;
          const told = message.discoKeys ?? {};
          const renewed = renewedPeers(discoKeys, told);
          discoKeys = { ...discoKeys, ...told };
          changed({ prefs: message.prefs, renewed });
        },
        closed,
      );
    },
    discoPing: (address, signal) => ping(api, address, "disco", signal),
    tunnelPing: (address, signal) => ping(api, address, "TSMP", signal),
    close: api.close,
  };
}

/** tailscaled sends one ping per call and never gives up by itself. */
const pingLimitMs = 1000;

async function ping(api: LocalApi, address: string, type: "disco" | "TSMP", signal: AbortSignal) {
  const path = `ping?ip=${encodeURIComponent(address)}&type=${type}`;
  const call = api.call({ method: "POST", path, timeoutMs: pingLimitMs }, signal);
  const answer = await call.catch((error: unknown) => {
    // Silence ends in our own limit, a dying tailscaled in UNREACHABLE: either way nobody answered.
    if (error instanceof TailscaleError && error.detail.code !== "UNREADABLE") return undefined;
    throw error;
  });
  if (answer === undefined) return undefined;
  const { Err, LatencySeconds, Endpoint } = parseAnswer("ping", answer, pingSchema);
  return Err === "" ? { latencyMs: LatencySeconds * 1000, direct: Endpoint !== "" } : undefined;
}

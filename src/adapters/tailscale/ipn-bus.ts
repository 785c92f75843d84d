import type { IncomingMessage } from "node:http";
import * as z from "zod";
import { parseJson } from "../../domain/parse-json.ts";
import type { ServedRoutes } from "../../domain/tailnet/believed-prefixes.ts";
import { visible } from "../../protocol/visible-text.ts";
import { goList } from "../json/go-list.ts";
import type { LocalApi } from "./local-api.ts";
import { TailscaleError } from "./tailscale-error.ts";

/**
 * InitialState 2, InitialPrefs 4, InitialHealthState 128, PeerChanges 4096, InitialStatus 16384 (tailscale.com/ipn:
 * NotifyWatchOpt). Without 4096, Linux clients since 1.100 hear nothing of peers' later changes.
 */
const everything = 2 + 4 + 128 + 4096 + 16384;
/** Of these, what its owner makes of a tailscaled: the state, the preferences, and the node itself (SelfChange needs no bit). */
export const ownerMask = 2 + 4;

/** The parts of ipn.Notify we look into; anything else only says that something changed. */
const notifySchema = z.object({
  ErrMessage: z.string().nullish(),
  State: z.number().nullish(),
  LoginFinished: z.unknown().optional(),
  Prefs: z.unknown().optional(),
  PeersChanged: z
    .array(z.object({ StableID: z.string().default(""), DiscoKey: z.string().default("") }))
    .nullish(),
});

/** What one message of the bus tells besides "look again". */
export interface BusMessage {
  /** A login or registration error, as tailscaled words it. */
  readonly errorText?: string;
  /** A login went through: errors before it are past. */
  readonly loginDone: boolean;
  readonly prefs: boolean;
  /** Disco keys of the peers that changed in any way, by node id; absent when none did. */
  readonly discoKeys?: Readonly<Record<string, string>>;
}

/** ipn.State Running */
const running = 6;

/** A line of the bus; undefined for what is no message (the bus may be cut anywhere). */
export function readBusLine(line: string): BusMessage | undefined {
  const parsed = notifySchema.safeParse(parseJson(line));
  if (!parsed.success) return undefined;
  const { ErrMessage, State, LoginFinished, Prefs, PeersChanged } = parsed.data;
  return {
    ...(ErrMessage ? { errorText: visible(ErrMessage) } : {}),
    loginDone: State === running || (LoginFinished !== undefined && LoginFinished !== null),
    prefs: Prefs !== undefined && Prefs !== null,
    ...(PeersChanged?.length
      ? { discoKeys: Object.fromEntries(PeersChanged.map(({ StableID, DiscoKey }) => [StableID, DiscoKey])) }
      : {}),
  };
}

/** The parts of ipn.Notify that tell of peers; `PeersChanged` has their whole nodes (tailcfg.Node). */
const netmapSchema = z.object({
  State: z.unknown().optional(),
  NetMap: z.unknown().optional(),
  InitialStatus: z.unknown().optional(),
  /** With all peers that are left in `PeersChanged`, on a whole netmap (ipnlocal: setControlClientStatusLocked). */
  SelfChange: z.unknown().optional(),
  PeersChanged: goList(z.object({ StableID: z.string().default(""), PrimaryRoutes: goList(z.string()) })),
  PeersRemoved: goList(z.unknown()),
});

/**
 * What a line of the bus tells of the routes that peers serve: those of the peers that changed, where nothing else did; "unknown" where
 * anything may have. Undefined for a line that tells nothing of peers.
 */
export function readNetmapHint(line: string): ServedRoutes | "unknown" | undefined {
  const message = netmapSchema.safeParse(parseJson(line)).data;
  if (message === undefined) return "unknown";
  const { PeersChanged, PeersRemoved, State, NetMap, InitialStatus, SelfChange } = message;
  if (PeersRemoved.length > 0 || [State, NetMap, InitialStatus, SelfChange].some(isTold)) return "unknown";
  if (PeersChanged.length === 0) return undefined;
  return Object.fromEntries(PeersChanged.map((peer) => [peer.StableID, peer.PrimaryRoutes]));
}

function isTold(field: unknown): boolean {
  return field !== undefined && field !== null;
}

/** A line longer than this is dropped as it comes: its end still counts as a change. */
const longestLine = 64 * 1024 * 1024;

/** Cuts a byte stream into lines, wherever the chunks break; `lines` gets each without its end. */
export function lineSplitter(line: (text: string) => void): (chunk: string) => void {
  let rest = "";
  return (chunk) => {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop() ?? "";
    if (rest.length > longestLine) rest = "";
    for (const part of parts) if (part !== "") line(part);
  };
}

/** Follows the bus line by line until it ends; `ended` is called once, unless the returned function stopped it before. */
export function followBus(
  api: LocalApi,
  received: (line: string) => void,
  ended: (error: TailscaleError) => void,
  mask = everything,
): () => void {
  let over = false;
  const end = (error: TailscaleError) => {
    if (over) return;
    over = true;
    ended(error);
  };
  const stop = api.stream(
    `watch-ipn-bus?mask=${mask}`,
    (answer: IncomingMessage) => {
      if (answer.statusCode !== 200) {
        stop();
        const status = answer.statusCode ?? 0;
        end(
          new TailscaleError(`tailscaled refused its bus: ${status}`, { code: "REFUSED", status, text: "" }),
        );
        return;
      }
      const split = lineSplitter((line) => {
        if (!over) received(line);
      });
      const closed = () =>
        end(new TailscaleError("tailscaled closed its bus", { code: "UNREACHABLE", reason: "closed" }));
      answer.setEncoding("utf8").on("data", split).on("error", closed).on("close", closed);
    },
    end,
  );
  return () => {
    over = true;
    stop();
  };
}

import * as z from "zod";
import type { TailnetStatus } from "../../domain/tailnet/tailnet-status.ts";
import { visibleLine } from "../../protocol/visible-text.ts";
import { goList } from "../json/go-list.ts";
import { parseAnswer } from "./parse-answer.ts";

// Go's omitempty drops empty lists and strings, a nil slice is null; fields of other versions are ignored.
const list = goList(z.string());
const text = z
  .string()
  .nullish()
  .transform((value) => value ?? "");

const nodeSchema = z.object({
  ID: text,
  // Each member of the tailnet names itself.
  HostName: text.transform(visibleLine),
  Online: z.boolean().default(false),
  TailscaleIPs: list,
  PrimaryRoutes: list,
  CurAddr: text,
  Relay: text,
});

/** `ipnstate.Status` (tailscale.com/ipn/ipnstate), the fields we use. */
const statusSchema = z.object({
  BackendState: z.enum([
    "NoState",
    "NeedsLogin",
    "NeedsMachineAuth",
    "Stopped",
    "Starting",
    "Running",
    "InUseOtherUser",
  ]),
  HaveNodeKey: z.boolean().default(false),
  AuthURL: text,
  Self: nodeSchema.nullish(),
  Peer: z.record(z.string(), nodeSchema).nullish(),
});

/** What GET status says; `loginError` and `fresh` are not in it and come from what was seen before. */
export interface ReadStatus {
  readonly haveNodeKey: boolean;
  readonly status: Omit<TailnetStatus, "loginError" | "fresh">;
}

/** Parses the answer of GET status; peers come in the order of their node ids. Throws UNREADABLE. */
export function readStatus(answer: string): ReadStatus {
  const raw = parseAnswer("status", answer, statusSchema);
  const self = raw.Self;
  return {
    haveNodeKey: raw.HaveNodeKey,
    status: {
      backendState: raw.BackendState,
      loginWanted: raw.AuthURL !== "",
      self: {
        nodeId: self?.ID ?? "",
        hostName: self?.HostName ?? "",
        online: self?.Online ?? false,
        addresses: self?.TailscaleIPs ?? [],
        primaryRoutes: self?.PrimaryRoutes ?? [],
      },
      peers: Object.values(raw.Peer ?? {})
        .map((peer) => ({
          nodeId: peer.ID,
          // A member may have no name, and a conflict is known by its culprit's.
          hostName: peer.HostName === "" ? `node ${peer.ID}` : peer.HostName,
          online: peer.Online,
          addresses: peer.TailscaleIPs,
          primaryRoutes: peer.PrimaryRoutes,
          currentAddress: peer.CurAddr,
          relay: peer.Relay,
        }))
        .sort((a, b) => a.nodeId.localeCompare(b.nodeId, "en", { numeric: true })),
    },
  };
}

import * as z from "zod";
import { goList } from "../../../adapters/json/go-list.ts";
import { OwnerError } from "../../../adapters/owner/owner-error.ts";
import { readBuild, readOwnersPrefs, readProfile } from "../../../adapters/owner/read-answers.ts";
import { readResolvConfs } from "../../../adapters/owner/read-node.ts";
import { readOwnerRecords } from "../../../adapters/state-files/owner-records-file.ts";
import { createLocalApi } from "../../../adapters/tailscale/local-api.ts";
import { parseAnswer } from "../../../adapters/tailscale/parse-answer.ts";
import { readStatus } from "../../../adapters/tailscale/read-status.ts";
import { TailscaleError } from "../../../adapters/tailscale/tailscale-error.ts";
import { toFailure } from "../../../domain/failure.ts";
import { nothingOurs, ownerAcceptsRoutes, stillOurs } from "../../../domain/owner/owner-preferences.ts";
import {
  confinementOf,
  namesMagicDns,
  type TunnelFacts,
  tunnelOf,
} from "../../../domain/owner/owner-terms.ts";
import { visibleLine } from "../../../protocol/visible-text.ts";
import type { OwnerFact, OwnerFault, OwnersTailscaled } from "../judge/facts.ts";
import type { KeyReader } from "./read-headscale.ts";

/** `ipnstate.Status`: whom the policy knows this node as. */
const identitySchema = z.object({
  Self: z.object({ Tags: goList(z.string()), UserID: z.number().default(0) }).nullish(),
  User: z.record(z.string(), z.object({ LoginName: z.string().default("") })).nullish(),
});

export interface ReadOwnerOptions {
  readonly socket: string;
  /** File of the state directory. */
  readonly ownerProfiles: string;
  readonly links: TunnelFacts["links"];
  readonly authKey: KeyReader;
  readonly guardedAtBoot: boolean;
}

/** What the daemon would see of the owner's tailscaled; unlike it, this writes nothing down. Never throws. */
export async function readOwner(options: ReadOwnerOptions, signal: AbortSignal): Promise<OwnerFact> {
  try {
    return { value: await look(options, signal) };
  } catch (error) {
    return { unknown: toFailure(error).message, fault: faultOf(error) };
  }
}

async function look(
  { socket, ownerProfiles, links, authKey, guardedAtBoot }: ReadOwnerOptions,
  signal: AbortSignal,
): Promise<OwnersTailscaled> {
  const api = createLocalApi(socket);
  const get = (path: string) => api.call({ method: "GET", path }, signal);
  try {
    const profile = readProfile(await get("profiles/current"));
    const {
      preferences,
      exitNode,
      netfilter,
      acceptsDns,
      login: _,
      ...others
    } = readOwnersPrefs(await get("prefs"));
    const answer = await get("status?peers=false");
    const { status } = readStatus(answer);
    const { addresses } = status.self;
    const records = await readOwnerRecords(ownerProfiles);
    const record = stillOurs(records[profile.id] ?? nothingOurs, preferences);
    const tunnel = tunnelOf({ addresses, links });
    return {
      facts: {
        ...readBuild(answer),
        ...others,
        backendState: status.backendState,
        profileId: profile.id,
        preferences,
        record,
        guardedAtBoot,
        served: status.self.online ? status.self.primaryRoutes : null,
        terms:
          tunnel === undefined
            ? null
            : {
                ...{ tunnel, addresses, netfilter },
                confineTable52: confinementOf(ownerAcceptsRoutes(record, preferences), exitNode),
                magicDns: acceptsDns && namesMagicDns(await readResolvConfs()),
              },
      },
      exitNode,
      netfilter,
      identity: readIdentity(answer),
      logsIn: "key" in authKey(),
    };
  } finally {
    api.close();
  }
}

function faultOf(error: unknown): OwnerFault {
  if (error instanceof OwnerError)
    return error.detail.code === "RECORDS_UNREADABLE" ? "RECORDS_UNREADABLE" : "OTHER";
  if (!(error instanceof TailscaleError)) return "OTHER";
  const { detail } = error;
  switch (detail.code) {
    case "UNREACHABLE":
      // What llhttp cannot read is no HTTP (nodejs.org: errors, HPE_*).
      return detail.reason.startsWith("HPE_") ? "UNREADABLE" : (unreached[detail.reason] ?? "OTHER");
    case "REFUSED":
      return refused[detail.status] ?? "REFUSED";
    case "UNREADABLE":
      return "UNREADABLE";
    default:
      return "OTHER";
  }
}

const unreached: Readonly<Record<string, OwnerFault>> = {
  ENOENT: "NO_SOCKET",
  ENOTDIR: "NO_SOCKET",
  ECONNREFUSED: "NOBODY_LISTENS",
  EACCES: "FORBIDDEN",
  EPERM: "FORBIDDEN",
  TimeoutError: "SILENT",
};
/** The LocalAPI has had what we ask for since long before the versions that we work with (ipn/localapi: handler). */
const refused: Readonly<Record<number, OwnerFault>> = { 403: "FORBIDDEN", 404: "TOO_OLD" };

function readIdentity(answer: string): OwnersTailscaled["identity"] {
  const { Self, User } = parseAnswer("status", answer, identitySchema);
  return {
    tags: Self?.Tags ?? [],
    user: visibleLine(User?.[String(Self?.UserID ?? 0)]?.LoginName ?? ""),
  };
}

import * as z from "zod";
import type { OwnerFacts } from "../../domain/owner/owner-facts.ts";
import type { OwnerProfile } from "../../domain/owner/owner-preferences.ts";
import type { ExitNodeUse, OwnerTerms } from "../../domain/owner/owner-terms.ts";
import { visibleLine } from "../../protocol/visible-text.ts";
import { goList } from "../json/go-list.ts";
import { parseAnswer } from "../tailscale/parse-answer.ts";

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? "");

/** `ipn.Prefs`, the fields we use. */
const prefsSchema = z.object({
  ControlURL: text.transform(visibleLine),
  RouteAll: z.boolean().default(false),
  AdvertiseRoutes: goList(z.string()),
  AppConnector: z.object({ Advertise: z.boolean().default(false) }).nullish(),
  ShieldsUp: z.boolean().default(false),
  // opt.Bool: what is unset does not filter (ipnlocal: routerConfig).
  NoStatefulFiltering: z.boolean().nullish(),
  ExitNodeID: text,
  ExitNodeIP: text,
  AutoExitNode: text,
  ExitNodeAllowLANAccess: z.boolean().default(false),
  CorpDNS: z.boolean().default(false),
  NetfilterMode: z.number().default(0),
  // persist.Persist, without its keys.
  Config: z.object({ NodeID: text }).nullish(),
});

/** The owner's preferences, as far as they matter to pods. */
export interface ReadPrefs
  extends Pick<OwnerFacts, "controlUrl" | "shieldsUp" | "statefulFiltering" | "preferences">,
    Pick<OwnerTerms, "netfilter"> {
  readonly exitNode: ExitNodeUse;
  /** It resolves names for the node, where the tailnet has some. */
  readonly acceptsDns: boolean;
  /** Which login they are of: each profile has another. */
  readonly login: string;
}

/** The answer of GET prefs. Throws UNREADABLE. */
export function readOwnersPrefs(answer: string): ReadPrefs {
  const prefs = parseAnswer("prefs", answer, prefsSchema);
  const usesExitNode = [prefs.ExitNodeID, prefs.ExitNodeIP, prefs.AutoExitNode].some((one) => one !== "");
  return {
    controlUrl: prefs.ControlURL,
    shieldsUp: prefs.ShieldsUp,
    statefulFiltering: prefs.NoStatefulFiltering === false,
    preferences: {
      routes: prefs.AdvertiseRoutes,
      acceptsRoutes: prefs.RouteAll,
      appConnector: prefs.AppConnector?.Advertise ?? false,
    },
    exitNode: usesExitNode ? (prefs.ExitNodeAllowLANAccess ? "allButLan" : "all") : "none",
    netfilter: prefs.NetfilterMode === 2 ? "on" : prefs.NetfilterMode === 1 ? "nodivert" : "off",
    acceptsDns: prefs.CorpDNS,
    login: `${prefs.Config?.NodeID ?? ""} ${prefs.ControlURL}`,
  };
}

/** `ipn.LoginProfile`: a profile that never logged in has no id. */
const profileSchema = z.object({ ID: text, Name: text.transform(visibleLine) });

export function readProfile(answer: string): OwnerProfile {
  const { ID, Name } = parseAnswer("profiles/current", answer, profileSchema);
  return { id: ID, name: Name };
}

export function readProfiles(answer: string): readonly OwnerProfile[] {
  return parseAnswer("profiles/", answer, goList(profileSchema)).map(({ ID, Name }) => ({
    id: ID,
    name: Name,
  }));
}

/** `ipnstate.Status`, what `read-status.ts` has no need of. */
const buildSchema = z.object({ Version: text.transform(visibleLine), TUN: z.boolean().default(false) });

export function readBuild(answer: string): Pick<OwnerFacts, "version" | "tun"> {
  const { Version, TUN } = parseAnswer("status", answer, buildSchema);
  return { version: Version, tun: TUN };
}

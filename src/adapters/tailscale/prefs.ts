import * as z from "zod";
import { parseAnswer } from "./parse-answer.ts";

/** The preferences that are ours (tailscale.com/ipn: Prefs, JSON names). All others stay as they are. */
export interface WantedPrefs {
  readonly controlUrl: string;
  readonly hostname: string;
  readonly advertiseRoutes: readonly string[];
}

const prefsSchema = z.looseObject({});
export type Prefs = z.output<typeof prefsSchema>;

export function readPrefs(answer: string): Prefs {
  return parseAnswer("prefs", answer, prefsSchema);
}

/** Our preferences as tailscaled spells them. */
function ours(wanted: WantedPrefs): Readonly<Record<string, unknown>> {
  return {
    ControlURL: wanted.controlUrl,
    Hostname: wanted.hostname,
    AdvertiseRoutes: [...wanted.advertiseRoutes],
    WantRunning: true,
    LoggedOut: false,
    // Also sets the WireGuard AllowedIPs: without it packets from remote pods are dropped on receipt.
    RouteAll: true,
    CorpDNS: false,
    // Peers must see pod addresses.
    NoSNAT: true,
    NoStatefulFiltering: true,
    // 0 = off: the guard owns the firewall of the namespace.
    NetfilterMode: 0,
  };
}

const noUpdates = { Check: false, Apply: false };

/** All preferences for POST start, which replaces them all: those there are, with ours on top. */
export function mergePrefs(current: Prefs, wanted: WantedPrefs): Prefs {
  return { ...current, ...ours(wanted), AutoUpdate: { ...autoUpdate(current), ...noUpdates } };
}

/** As `mergePrefs`, in a tailscaled that is not ours: beyond the login its owner's preferences stay what they are. */
export function loginPrefs(current: Prefs, { controlUrl }: WantedPrefs): Prefs {
  return { ...current, ControlURL: controlUrl, WantRunning: true, LoggedOut: false };
}

/** Body of PATCH prefs with what differs and nothing else (MaskedPrefs: value plus `<Field>Set`); undefined when all is so. */
export function prefsDifference(current: Prefs, wanted: WantedPrefs): Prefs | undefined {
  const { LoggedOut: _, ...patchable } = ours(wanted);
  const edits = Object.entries(patchable)
    .filter(([name, value]) => !sameValue(current[name], value))
    .flatMap(([name, value]) => [
      [name, value],
      [`${name}Set`, true],
    ]);
  const { Check, Apply } = autoUpdate(current);
  if (Check !== false || Apply !== false)
    edits.push(["AutoUpdate", noUpdates], ["AutoUpdateSet", { CheckSet: true, ApplySet: true }]);
  return edits.length === 0 ? undefined : Object.fromEntries(edits);
}

/** Body of PATCH prefs that takes `prefixes` out of AdvertiseRoutes; undefined when none is in. */
export function withoutRoutes(current: Prefs, prefixes: readonly string[]): Prefs | undefined {
  const advertised = stringList(current["AdvertiseRoutes"]);
  const kept = advertised.filter((prefix) => !prefixes.includes(prefix));
  return kept.length === advertised.length ? undefined : { AdvertiseRoutes: kept, AdvertiseRoutesSet: true };
}

function autoUpdate(prefs: Prefs): Readonly<Record<string, unknown>> {
  const value = prefs["AutoUpdate"];
  return typeof value === "object" && value !== null ? { ...value } : {};
}

/** Absent, null and the zero value are one (Go's omitempty); the order of a list does not matter. */
function sameValue(current: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted))
    return [...stringList(current)].sort().join() === [...stringList(wanted)].sort().join();
  return (current ?? zeroOf(wanted)) === wanted;
}

function zeroOf(value: unknown): unknown {
  if (typeof value === "boolean") return false;
  return typeof value === "number" ? 0 : "";
}

function stringList(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === "string") : [];
}

import { overlaps, parsePrefix, readPrefix } from "../addresses/prefix.ts";
import type { OwnerFacts } from "./owner-facts.ts";
import { ownerAcceptsRoutes } from "./owner-preferences.ts";

/** What keeps the owner's tailscaled from carrying pods at all. */
export type OwnerHindrance =
  | "TOO_OLD"
  | "NO_TUN"
  | "LOGGED_OUT"
  | "OTHER_CONTROL"
  | "STOPPED"
  | "APP_CONNECTOR";

/** What is wrong with the owner's tailscaled, beside NO_SOCKET: that there is none. Only they, or the operator of Headscale, can fix it. */
export type OwnerProblemCode =
  | OwnerHindrance
  | "SHIELDS_UP"
  | "STATEFUL_FILTERING"
  | "MTU_TOO_SMALL"
  | "ROUTER_CIDR_IN_USE"
  | "NOT_APPROVED"
  | "NO_BOOT_UNIT";

export interface OwnerProblem {
  readonly code: OwnerProblemCode;
  readonly found: string;
  readonly todo: string;
  /** Both in one sentence. */
  readonly words: string;
}

/** What we want of the owner's tailscaled. */
export interface OwnerRequirements {
  readonly controlUrl: string;
  /** This node's pod CIDRs. */
  readonly prefixes: readonly string[];
  /** MTU of the pods. */
  readonly mtu: number;
  /** Whether we log a tailscaled in that is logged out: there is a key for it. */
  readonly logsIn: boolean;
}

/** Since it, the bus tells of changed peers (tailscale.com/ipn: NotifyPeerChanges, bit 4096). */
const oldest = [1, 100] as const;

/** A tailscaled that starts (NoState) logs in by itself, if it ever was. */
const loggedOut: readonly OwnerFacts["backendState"][] = ["NeedsLogin", "NeedsMachineAuth", "InUseOtherUser"];

/** Whether it is in another tailnet. A profile without a login yet is in none, and has Tailscale's own server. */
export function isElsewhere(
  { profileId, controlUrl }: Pick<OwnerFacts, "profileId" | "controlUrl">,
  required: Pick<OwnerRequirements, "controlUrl">,
): boolean {
  return profileId !== "" && originOf(controlUrl) !== originOf(required.controlUrl);
}

/** What keeps the owner's tailscaled from carrying pods; the first is what must be fixed first. */
export function ownerHindrance(facts: OwnerFacts, required: OwnerRequirements): OwnerProblem | undefined {
  const { backendState, preferences, version, tun } = facts;
  if (isTooOld(version))
    return told(
      "TOO_OLD",
      `the node's tailscaled is ${version}, and HeadCNI works with ${oldest.join(".")} and later`,
      "upgrade Tailscale on this node",
    );
  if (!tun)
    return told(
      "NO_TUN",
      "the node's tailscaled has no interface (--tun=userspace-networking)",
      "start it without that option",
    );
  if (isElsewhere(facts, required))
    return told(
      "OTHER_CONTROL",
      `the node's tailscaled is logged in to ${originOf(facts.controlUrl)}, and headscale.url is ${required.controlUrl}`,
      "`tailscale switch` to a profile of that, or log in to it",
    );
  if (!required.logsIn && loggedOut.includes(backendState))
    return told(
      "LOGGED_OUT",
      // Headscale 0.29 lets no tagged node in again that logged out (hscontrol/state/state.go): tailscaled logs NodeKeyExpired.
      "the node's tailscaled is not logged in",
      `\`tailscale up --login-server=${required.controlUrl}\`; ` +
        "if it logged out with a tag, delete it in Headscale before (`headscale nodes delete`)",
    );
  if (backendState === "Stopped")
    return told("STOPPED", "the node's tailscaled is stopped (`tailscale down`)", "`tailscale up` starts it");
  if (preferences.appConnector)
    return told(
      "APP_CONNECTOR",
      "the node's tailscaled is an app connector, and drops the routes that it learned when ours are added",
      "`tailscale set --advertise-connector=false`",
    );
  return undefined;
}

/** What else is wrong: pods may be cut off, or will not be reached. */
export function ownerProblems(facts: OwnerFacts, required: OwnerRequirements): readonly OwnerProblem[] {
  const { preferences, record, served, terms } = facts;
  const own = required.prefixes.map(parsePrefix);
  const taken = preferences.routes.filter((route) => {
    const prefix = readPrefix(route);
    // What holds our prefix among others, as a default route does, takes nothing from us.
    return (
      prefix !== undefined &&
      !record.routes.includes(route) &&
      own.some((one) => overlaps(one, prefix) && prefix.length >= one.length)
    );
  });
  const unserved =
    served === null
      ? []
      : required.prefixes.filter((one) => preferences.routes.includes(one) && !served.includes(one));
  const { mtu } = terms?.tunnel ?? required;
  return [
    ...when(
      facts.shieldsUp,
      "SHIELDS_UP",
      "the node's tailscaled lets nothing in, so no pod of another node gets here",
      "`tailscale set --shields-up=false`",
    ),
    ...when(
      facts.statefulFiltering,
      "STATEFUL_FILTERING",
      "the node's tailscaled drops what pods of other nodes begin",
      "`tailscale set --stateful-filtering=false`",
    ),
    ...when(
      mtu < required.mtu,
      "MTU_TOO_SMALL",
      `packets of pods have up to ${required.mtu} bytes, and the node's tailscaled takes ${mtu}`,
      `lower network.mtu on all nodes, or start tailscaled with TS_DEBUG_MTU=${required.mtu}`,
    ),
    ...when(
      taken.length > 0,
      "ROUTER_CIDR_IN_USE",
      `the node's tailscaled announced ${taken.join(", ")} before HeadCNI did`,
      "give the node another pod CIDR, or, if that is left of an earlier HeadCNI, take it out of `tailscale set --advertise-routes`",
    ),
    ...when(
      unserved.length > 0,
      "NOT_APPROVED",
      `Headscale does not approve ${unserved.join(", ")}`,
      "its policy must have it in autoApprovers for this node (`headcnictl doctor`)",
    ),
    // What its owner accepts himself reaches the node at boot as it did before us.
    ...when(
      !facts.guardedAtBoot && !ownerAcceptsRoutes(record, preferences),
      "NO_BOOT_UNIT",
      preferences.acceptsRoutes
        ? "nothing loads HeadCNI's rules at boot, and until the daemon runs others' routes take this node's traffic"
        : "nothing loads HeadCNI's rules at boot, so no routes are accepted and pods reach no other node",
      "have headcni-guard.service enabled (the chart and `headcnictl install` do so where systemd runs the node), " +
        "or have `headcni --guard` run before tailscaled and set tailscale.bootUnit: false",
    ),
  ];
}

function told(code: OwnerProblemCode, found: string, todo: string): OwnerProblem {
  return { code, found, todo, words: `${found}: ${todo}` };
}

function when(wrong: boolean, code: OwnerProblemCode, found: string, todo: string): readonly OwnerProblem[] {
  return wrong ? [told(code, found, todo)] : [];
}

/** A version that is no number is one of somebody's own build: it is taken as new. */
function isTooOld(version: string): boolean {
  const [, major, minor] = /^(\d+)\.(\d+)\./.exec(version) ?? [];
  if (major === undefined) return false;
  const [wantedMajor, wantedMinor] = oldest;
  return Number(major) < wantedMajor || (Number(major) === wantedMajor && Number(minor) < wantedMinor);
}

/** tailscaled keeps the URL as its owner wrote it; empty stands for Tailscale's own (ipn: DefaultControlURL). */
function originOf(url: string): string {
  return URL.parse(url === "" ? "https://controlplane.tailscale.com" : url)?.origin ?? url;
}

import {
  containsPrefix,
  hostPrefix,
  overlaps,
  type Prefix,
  PrefixError,
  parsePrefix,
} from "../addresses/prefix.ts";
import { tailnetRange } from "../kernel/kernel-constants.ts";
import type { HeadscalePolicy } from "./policy.ts";

/** As whom a policy knows a machine: by each of its tags, or, without one, by its user. */
export interface Member {
  /** "tag:k8s-node" or "alice@". */
  readonly names: readonly string[];
}

/** What a name in a policy stands for. */
type Named = Pick<HeadscalePolicy, "groups" | "hosts">;

const everything: readonly Prefix[] = ["0.0.0.0/0", "::/0"].map((text) => parsePrefix(text));
const tailnet: readonly Prefix[] = Object.values(tailnetRange).map((text) => parsePrefix(text));

/**
 * The addresses beyond those of members themselves that an alias holds: pods are among these alone, as tags, users and autogroups
 * stand for the members' own addresses (types.go, resolve), and `autogroup:internet` for public ones. As a source `*` is the tailnet and every approved route, so all pods.
 */
export function prefixesOf(alias: string, { hosts }: Named): readonly Prefix[] {
  if (alias === "*" || alias === "autogroup:danger-all") return everything;
  const prefix = readAddresses(alias) ?? readAddresses(hosts.get(alias) ?? "");
  return prefix === undefined ? [] : [prefix];
}

/** An address or a prefix as Headscale reads it: host bits are passed over (types.go, Prefix.parseString). */
export function readAddresses(text: string): Prefix | undefined {
  try {
    return parsePrefix(text.includes("/") ? text : hostPrefix(text));
  } catch (error) {
    if (!(error instanceof PrefixError)) throw error;
    return error.detail.code === "HOST_BITS" ? parsePrefix(error.detail.meant) : undefined;
  }
}

/** Whether an alias stands for the member's own address, wherever in the tailnet that is. */
export function meansMember(alias: string, { names }: Member, policy: Named): boolean {
  if (names.includes(alias)) return true;
  const tagged = names.some((name) => name.startsWith("tag:"));
  if (alias === "autogroup:tagged") return tagged;
  if (alias === "autogroup:member") return !tagged;
  if (alias.startsWith("group:"))
    return !tagged && (policy.groups.get(alias) ?? []).some((user) => names.includes(user));
  const prefixes = prefixesOf(alias, policy);
  return tailnet.some((range) => prefixes.some((prefix) => containsPrefix(prefix, range)));
}

/** Whether the prefixes, all together, hold the wanted one. */
export function coverTogether(prefixes: readonly Prefix[], wanted: Prefix): boolean {
  const near = prefixes.filter((prefix) => overlaps(prefix, wanted));
  if (near.some((prefix) => containsPrefix(prefix, wanted))) return true;
  return near.length > 1 && halvesOf(wanted).every((half) => coverTogether(near, half));
}

function halvesOf({ family, base, length }: Prefix): readonly Prefix[] {
  const step = 1n << BigInt((family === 4 ? 32 : 128) - length - 1);
  return [base, base + step].map((start) => ({ family, base: start, length: length + 1 }));
}

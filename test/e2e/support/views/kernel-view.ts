import { containsPrefix, parsePrefix } from "../../../../src/domain/addresses/prefix.ts";
import { attachmentLinkGroup, leavingLinkGroup } from "../../../../src/domain/kernel/kernel-constants.ts";
import type { LabNode } from "../../../lab/lab-types.ts";
import { inNetns } from "../../../lab/network/netns.ts";
import { run } from "../../../lab/run-command.ts";

/** What the kernel of a node has for pods, seen with iproute2, not with our own netlink code. */
export type PodKernelState = {
  /** Names of the host-side links of attachments. */
  readonly links: readonly string[];
  /** Destinations of the host routes inside the node's pod CIDR that go to a pod. */
  readonly routes: readonly string[];
};

/** iproute2 leaves out the length of one address. */
function asPrefix(destination: string): string {
  if (destination.includes("/")) return destination;
  return `${destination}/${destination.includes(":") ? 128 : 32}`;
}

/** Reads a node's pod links and routes. */
export async function podKernelState(node: LabNode): Promise<PodKernelState> {
  const json = async (...args: string[]) =>
    JSON.parse((await run(inNetns(node.netns, ["ip", "-j", "-details", ...args]))) || "[]") as Record<
      string,
      unknown
    >[];
  const ours = new Set([attachmentLinkGroup, leavingLinkGroup].map(String));
  const links = (await json("link", "show")).filter(({ group }) => ours.has(String(group)));
  const names = new Set(links.map(({ ifname }) => String(ifname)));
  const slices = node.podCIDRs.map(parsePrefix);
  const both = [...(await json("-4", "route", "show")), ...(await json("-6", "route", "show"))];
  const routes = both.filter(
    ({ dst, dev, type, protocol }) =>
      type === "unicast" &&
      // The kernel's own way to an IPv6 address of the node.
      protocol !== "kernel" &&
      dst !== "default" &&
      slices.some((slice) => containsPrefix(slice, parsePrefix(asPrefix(String(dst))))) &&
      (names.has(String(dev)) || !String(dst).includes("/")),
  );
  return { links: [...names].sort(), routes: routes.map(({ dst }) => String(dst)).sort() };
}

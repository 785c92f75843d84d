import { attachmentLinkGroup, leavingLinkGroup } from "../../../src/domain/kernel-constants.ts";
import type { LabNode } from "../../lab/lab-types.ts";
import { inNetns } from "../../lab/netns.ts";
import { run } from "../../lab/run-command.ts";

/** What the kernel of a node has for pods, seen with iproute2, not with our own netlink code. */
export type PodKernelState = {
  /** Names of the host-side links of attachments. */
  readonly links: readonly string[];
  /** Destinations of the host routes inside the node's pod CIDR that go to a pod. */
  readonly routes: readonly string[];
};

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
  const prefix = node.podCIDR.split(".").slice(0, 3).join(".");
  const routes = (await json("route", "show")).filter(
    ({ dst, dev, type }) =>
      String(dst).startsWith(`${prefix}.`) &&
      type === "unicast" &&
      (names.has(String(dev)) || !String(dst).includes("/")),
  );
  return { links: [...names].sort(), routes: routes.map(({ dst }) => String(dst)).sort() };
}

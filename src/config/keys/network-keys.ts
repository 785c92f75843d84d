import * as z from "zod";
import { prefixes, senders } from "../values/value-schemas.ts";
import { key } from "./key-about.ts";

const builtOnIt = { restart: "routes, rules and firewall are built on it" };
const onePerFamily = "a prefix such as 10.244.0.0/16, or a list with one IPv4 and one IPv6 prefix";

/** Keys of `network` and `ipam`. */
export const networkKeys = {
  network: {
    podCIDR: key(prefixes, {
      description: "Supernet of all pods of the cluster, one prefix per family.",
      mustBe: onePerFamily,
      example: "10.244.0.0/16",
      change: builtOnIt,
    }),
    nodePodCIDR: key(prefixes.default([]), {
      description: "This node's slice of podCIDR; its first address is the node's router address.",
      mustBe: onePerFamily,
      example: "10.244.1.0/24",
      defaultMeans: "none; with kubernetes.enabled what the Node has",
      change: { restart: "running pods hold addresses of it" },
    }),
    serviceCIDR: key(prefixes.prefault("10.96.0.0/12"), {
      description:
        "Addresses of Services, besides those of the cluster's ServiceCIDR objects: with kubernetes.enabled they never leave a node untranslated, and only allowFromUnderlay reaches them from outside.",
      mustBe: onePerFamily,
      example: "10.96.0.0/12",
      change: builtOnIt,
    }),
    // Above it the outermost IP packet would have no length field (65535 bytes, 80 of them WireGuard's).
    mtu: key(z.int().min(576).max(65455).prefault(1280), {
      description:
        "MTU of pods and of the tailnet interface, the same on all nodes; the underlay needs 80 more. At least 1280 with IPv6.",
      mustBe: "a whole number from 576 to 65455",
      example: 1280,
      unit: "bytes",
      change: {
        restart:
          "running pods and tailscaled keep the MTU they started with; headcni-wire has to be restarted, too",
      },
    }),
    masquerade: key(z.boolean().prefault(true), {
      description:
        "Whether packets from pods to destinations outside the cluster leave with the node's address. Turning it on ends the open flows of pods.",
      mustBe: "true or false",
      example: true,
      change: builtOnIt,
    }),
    allowFromUnderlay: key(senders.prefault([]), {
      description:
        "Who outside the cluster may open connections to pods and Services through this node, besides node ports, host ports, external IPs and load balancers.",
      mustBe:
        "a prefix outside network.podCIDR (192.0.2.0/24), the name of a link (docker0), or a list of them",
      example: ["192.0.2.0/24", "docker0"],
      change: builtOnIt,
    }),
  },
  ipam: {
    strategy: key(z.enum(["sequential", "random", "dense"]).prefault("sequential"), {
      description:
        "Order in which addresses are assigned: round robin, random, or always the lowest free one.",
      mustBe: "sequential, random or dense",
      example: "sequential",
      change: { restart: "the address pool is built once" },
    }),
    restSeconds: key(z.int().min(0).max(86_400).prefault(30), {
      description:
        "Seconds before a released address is reused, so that peers drop what they know of its last pod.",
      mustBe: "a whole number from 0 to 86400",
      example: 30,
      unit: "seconds",
      change: "live",
    }),
  },
} as const;

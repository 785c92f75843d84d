import * as z from "zod";
import {
  absolutePath,
  endpoint,
  headscaleUrl,
  interfaceName,
  prefixes,
  secret,
  text,
} from "../values/value-schemas.ts";
import { key } from "./key-about.ts";

const readAtStart = { restart: "tailscaled is started with it" };

/** Keys of `headscale` and `tailscale`. */
export const tailnetKeys = {
  headscale: {
    url: key(headscaleUrl, {
      description: "URL of Headscale; every node must reach it without HeadCNI.",
      mustBe: "an http:// or https:// URL without a path, not on loopback",
      example: "https://headscale.example.org",
      change: { restart: "tailscaled is registered with this server" },
    }),
    authKey: key(secret.optional(), {
      description: "Pre-auth key of the first login; better in authKeyFile or HEADCNI_HEADSCALE_AUTH_KEY.",
      mustBe: "a pre-auth key: printable ASCII without spaces",
      example: "hskey-auth-...",
      secret: true,
      change: "live",
    }),
    authKeyFile: key(absolutePath.optional(), {
      description: "File that holds the pre-auth key; read again when a login needs one.",
      mustBe: "an absolute path of a readable file that holds one key",
      example: "/etc/headcni/auth-key",
      change: "live",
    }),
    apiKeyFile: key(absolutePath.optional(), {
      description: "File that holds a Headscale API key (a full admin key); only with approval: api.",
      mustBe: "an absolute path of a readable file that holds one key",
      example: "/etc/headcni/api-key",
      change: "live",
    }),
    approval: key(z.enum(["policy", "controller", "api"]).prefault("policy"), {
      description:
        "Who approves this node's routes: Headscale's autoApprovers, headcni-controller, or the node with an API key.",
      mustBe: "policy, controller or api",
      example: "controller",
      change: { restart: "it decides which credentials the node works with" },
    }),
  },
  tailscale: {
    mode: key(z.enum(["daemon", "host"]).prefault("daemon"), {
      description: "Which tailscaled carries pod traffic: HeadCNI's own in its own namespace, or the node's.",
      mustBe: "daemon or host",
      example: "daemon",
      change: { restart: "it decides in which namespace the tailnet interface is" },
    }),
    socket: key(absolutePath.prefault("/var/run/tailscale/tailscaled.sock"), {
      description: "Socket of the node's own tailscaled (LocalAPI); only with mode: host.",
      mustBe: "an absolute path of at most 107 bytes",
      example: "/var/run/tailscale/tailscaled.sock",
      change: { restart: "the session is with the tailscaled that answers there" },
    }),
    bootUnit: key(z.boolean().prefault(true), {
      description:
        "Whether others' routes are accepted (RouteAll) only once headcni-guard.service is enabled, which loads the rules before tailscaled starts; only with mode: host. false where another init system runs headcni --guard, or nothing does.",
      mustBe: "true or false",
      example: false,
      change: { restart: "it decides how routes are accepted" },
    }),
    binary: key(text(/^(\/?[^/\0\s]+)+$/).prefault("tailscaled"), {
      description: "tailscaled's executable: a path, or a name on PATH.",
      mustBe: "a path or a name on PATH",
      example: "/usr/sbin/tailscaled",
      change: { restart: "a running tailscaled is never replaced under its pods" },
    }),
    interfaceName: key(interfaceName.prefault("tailscale0"), {
      description: "TUN interface inside the tailnet namespace.",
      mustBe: "an interface name of at most 15 characters without slash, colon or space",
      example: "tailscale0",
      change: readAtStart,
    }),
    port: key(z.int().min(1).max(65535).prefault(41642), {
      description:
        "UDP port of WireGuard, forwarded from the node; 41641 belongs to the node's own tailscaled.",
      mustBe: "a whole number from 1 to 65535",
      example: 41642,
      change: readAtStart,
    }),
    linkCIDR: key(prefixes.prefault(["198.18.0.0/30", "fd48:4541:4443::/126"]), {
      description:
        "Prefixes of the veth that joins the node (its first address) with the tailnet namespace (its second). Both are translated on the underlay; with IPv4 alone tailscaled cannot use IPv6.",
      mustBe:
        "an IPv4 prefix of length 30 or less, or a list of one and an IPv6 prefix of length 126 or less in fc00::/7",
      example: ["198.18.0.0/30", "fd48:4541:4443::/126"],
      change: { restart: "the veth is addressed once" },
    }),
    tags: key(z.array(text(/^tag:[A-Za-z][A-Za-z0-9-]*$/)).prefault(["tag:k8s-node"]), {
      description: "Tags the node requests; Headscale's policy must let the key's owner have them.",
      mustBe: 'a list of tags such as "tag:k8s-node" (letters, digits, dashes)',
      example: ["tag:k8s-node"],
      change: { restart: "tags are asked for at login" },
    }),
    hostnamePrefix: key(text(/^([a-z0-9][-a-z0-9]*)?$/, 40).prefault(""), {
      description: "Prefix of the node's name in the tailnet, to tell clusters apart.",
      mustBe: "lower-case letters, digits and dashes, at most 40, starting with a letter or digit",
      example: "prod-",
      change: { restart: "the tailnet knows the node by this name" },
    }),
    staticEndpoints: key(z.array(endpoint).prefault([]), {
      description:
        "UDP endpoints at which peers reach this node from outside, if it cannot discover them; the first three are announced. An address alone means tailscale.port there.",
      mustBe:
        'a list of endpoints such as "203.0.113.7:41642" or "[2001:db8::7]:41642", or of addresses such as "2001:db8::7"',
      example: ["203.0.113.7:41642", "2001:db8::7"],
      change: readAtStart,
    }),
    environment: key(z.record(text(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string()).prefault({}), {
      description: "Extra environment variables of tailscaled.",
      mustBe: "a map from variable names to strings (quote numbers)",
      example: { TS_DEBUG_USE_DERP_HTTP: "1" },
      change: readAtStart,
    }),
  },
} as const;

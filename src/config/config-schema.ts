import { hostname } from "node:os";
import * as z from "zod";
import { cniKeys } from "./keys/cni-keys.ts";
import { key } from "./keys/key-about.ts";
import { kubernetesKeys } from "./keys/kubernetes-keys.ts";
import { networkKeys } from "./keys/network-keys.ts";
import { tailnetKeys } from "./keys/tailnet-keys.ts";
import type { Secret } from "./secret.ts";
import { absolutePath, collectorUrl, ipAddress, text, webSocketUrl } from "./values/value-schemas.ts";

/** Every key of the configuration file: the source of its types, checks, documentation and JSON Schema. */
export const configSchema = z.strictObject({
  nodeName: key(
    text(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 253).prefault(() => hostname().toLowerCase()),
    {
      description: "Name of this node, in Kubernetes and in the tailnet.",
      defaultMeans: "the host name",
      mustBe: "a DNS name in lower case (RFC 1123), at most 253 characters",
      example: "worker-1",
      change: { restart: "the tailnet knows the node by this name" },
    },
  ),
  runtimeDir: key(absolutePath.prefault("/run/headcni"), {
    description:
      "Sockets, the DEL spool and the mount of the tailnet namespace; emptied by a reboot. Its mode is set to 0700.",
    mustBe: "an absolute path of at most 91 bytes (a socket path holds 107), a folder of HeadCNI's own",
    example: "/run/headcni",
    change: { restart: "sockets and the tailnet namespace are there" },
  }),
  stateDir: key(absolutePath.prefault("/var/lib/headcni"), {
    description:
      "Directory for what must survive a reboot: tailscaled's state and proven.json. Its mode is set to 0700.",
    mustBe: "an absolute path, a folder of HeadCNI's own",
    example: "/var/lib/headcni",
    change: { restart: "tailscaled keeps its identity there" },
  }),
  sysctlDir: key(absolutePath.prefault("/proc/sys"), {
    description:
      "Where the node's /proc/sys can be written; a container has it read-only and gets its net/ mounted elsewhere.",
    mustBe: "an absolute path",
    example: "/host/proc/sys",
    change: { restart: "the kernel's settings are opened once" },
  }),
  headscale: z.strictObject(tailnetKeys.headscale).prefault({} as never),
  tailscale: z.strictObject(tailnetKeys.tailscale).prefault({}),
  network: z.strictObject(networkKeys.network).prefault({} as never),
  ipam: z.strictObject(networkKeys.ipam).prefault({}),
  cni: z.strictObject(cniKeys).prefault({}),
  kubernetes: z.strictObject(kubernetesKeys).prefault({}),
  readiness: z
    .strictObject({
      routeProof: key(z.enum(["required", "off"]).prefault("required"), {
        description: "Whether the node accepts pods only after a packet has once proved its routes.",
        mustBe: "required or off",
        example: "off",
        change: "live",
      }),
    })
    .prefault({}),
  monitoring: z
    .strictObject({
      address: key(ipAddress.prefault("127.0.0.1"), {
        description:
          "Address of /healthz, /ready and /metrics in the node's namespace. Pages below /debug and /inspect answer on loopback and on <runtimeDir>/http.sock only, whatever this value is.",
        mustBe: "an IP address",
        example: "127.0.0.1",
        change: { restart: "the listening socket is opened once" },
      }),
      port: key(z.int().min(1).max(65535).prefault(9797), {
        description: "TCP port of the same; everything is also served on <runtimeDir>/http.sock.",
        mustBe: "a whole number from 1 to 65535",
        example: 9797,
        change: { restart: "the listening socket is opened once" },
      }),
      podNetwork: key(z.boolean().prefault(false), {
        description:
          "Whether /metrics, and no other page, is served to pods and other nodes as well: at the node's first pod address, with the same port. The Node's annotation headcni.github.io/metrics says where.",
        mustBe: "true or false",
        example: true,
        change: { restart: "the listening socket is opened once" },
      }),
      podNameLabel: key(z.boolean().prefault(false), {
        description:
          "Whether headcni_pod_network_setup_duration_seconds has the label pod_name: one more series for each pod of the node.",
        mustBe: "true or false",
        example: true,
        change: { restart: "the metric's labels are set once" },
      }),
      inspector: key(z.boolean().prefault(false), {
        description:
          "Whether the page /inspect is on from the start; headcnictl inspect switches it on in a running daemon.",
        mustBe: "true or false",
        example: true,
        change: { restart: "headcnictl inspect switches it on without one" },
      }),
      statelyInspect: key(webSocketUrl.optional(), {
        description:
          "Server of @statelyai/inspect that receives what the machines do, keys removed; for Stately's own inspector.",
        mustBe: "a ws:// or wss:// URL without user and password",
        example: "ws://127.0.0.1:8080",
        change: { restart: "the machines are observed from their start" },
      }),
      otlpEndpoint: key(collectorUrl.optional(), {
        description:
          "OpenTelemetry collector (OTLP over HTTP, JSON) that gets a trace of each CNI call; /v1/traces is added.",
        mustBe: "a URL with http:// or https://, without user, password, query or fragment",
        example: "http://127.0.0.1:4318",
        change: { restart: "the exporter is made once" },
      }),
    })
    .prefault({}),
  logging: z
    .strictObject({
      level: key(z.enum(["debug", "info", "warn", "error", "fatal"]).prefault("info"), {
        description: "Lowest level that is logged; debug shows each transition of each machine.",
        mustBe: "debug, info, warn, error or fatal",
        example: "debug",
        change: "live",
      }),
    })
    .prefault({}),
});

/** The values of the file and its overrides, checked and completed with defaults. */
export type ConfigValues = DeepReadonly<z.output<typeof configSchema>>;

/**
 * The daemon's configuration. Prefix lists are canonical, one per family. `headscale.authKey` and `.apiKey` are set
 * whether they came from a file, the environment or inline; they print as "[redacted]".
 */
export type Config = Omit<ConfigValues, "headscale"> & {
  readonly headscale: ConfigValues["headscale"] & { readonly apiKey?: Secret | undefined };
};

type DeepReadonly<T> = T extends Secret
  ? T
  : T extends readonly (infer Element)[]
    ? readonly DeepReadonly<Element>[]
    : T extends object
      ? { readonly [Name in keyof T]: DeepReadonly<T[Name]> }
      : T;

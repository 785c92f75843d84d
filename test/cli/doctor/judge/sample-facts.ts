import type { DoctorFacts, DoctorSettings } from "../../../../src/cli/doctor/judge/facts.ts";
import type { KernelLink, KernelRoute } from "../../../../src/domain/kernel/kernel-state.ts";

/** A link as rtnetlink shows it. */
export function link(index: number, name: string, changes: Partial<KernelLink> = {}): KernelLink {
  return { index, name, mac: "", mtu: 1500, up: true, group: 0, alias: "", kind: "", ...changes };
}

/** A route of the main table. */
export function route(
  destination: string,
  linkIndex: number,
  changes: Partial<KernelRoute> = {},
): KernelRoute {
  const family = destination.includes(":") ? 6 : 4;
  return { family, type: "unicast", destination, table: 254, metric: 0, protocol: 2, linkIndex, ...changes };
}

export const settings: DoctorSettings = {
  nodeName: "n1",
  hostname: "n1",
  supernets: ["10.244.0.0/16"],
  services: ["10.96.0.0/16"],
  allowFromUnderlay: [],
  ownPrefixes: ["10.244.1.0/24"],
  linkPrefixes: ["198.18.0.0/30", "fd48:4541:4443::/126"],
  ownerSocket: "",
  bootUnit: true,
  tunnelName: "tailscale0",
  mtu: 1280,
  underlayPort: 41642,
  monitoringPort: 9797,
  headscaleUrl: "https://headscale.example.org",
  approval: "policy",
  tags: ["tag:k8s-node"],
  runtimeDir: "/run/headcni",
  stateDir: "/var/lib/headcni",
  cniBinDir: "/opt/cni/bin",
  sysctlDir: "/proc/sys",
  cniConfDir: "/etc/cni/net.d",
  cniConfName: "10-headcni.conflist",
  chainedPlugins: ["portmap"],
  kubernetes: true,
  publishesAddress: true,
  networkPolicies: true,
};

export const goodPolicy = `{
  // approves, and lets everybody talk
  "tagOwners": {"tag:k8s-node": []},
  "autoApprovers": {"routes": {"10.244.0.0/16": ["tag:k8s-node"],}},
  "nodeAttrs": [{"target": ["*"], "attr": ["cache-network-maps"]}], /* ends */
}`;

const directory = { refusal: "", freeBytes: 10e9, inMemory: false };

/** A node on which all is well, with HeadCNI running. */
export const healthy: DoctorFacts = {
  node: {
    kernelRelease: "6.12.0",
    missingCapabilities: [],
    trials: {
      value: [
        { feature: "routing", refusal: "" },
        { feature: "attachment", refusal: "" },
      ],
    },
    tunDevice: "",
    snapshot: {
      value: {
        links: [link(1, "lo"), link(2, "eth0"), link(3, "headcni0")],
        addresses: [
          { linkIndex: 1, address: "127.0.0.1", prefixLength: 8 },
          { linkIndex: 2, address: "192.168.7.2", prefixLength: 24 },
          { linkIndex: 3, address: "198.18.0.1", prefixLength: 30 },
        ],
        routes: [
          route("0.0.0.0/0", 2),
          route("192.168.7.0/24", 2),
          route("198.18.0.0/30", 3),
          route("10.244.0.0/16", 0, { type: "unreachable", protocol: 0x48 }),
        ],
        rules: [{ family: 4, priority: 5180, table: 254, destination: "10.244.1.0/24", protocol: 0x48 }],
      },
    },
    tunnelMtu: { value: 1280 },
    sysctls: { "net/ipv4/ip_forward": "1", "net/ipv4/conf/all/rp_filter": "0" },
    sysctlsWritable: true,
    missingPrograms: [],
    tailscaledVersion: { value: "1.102.3" },
    directories: [
      { ...directory, path: "/run/headcni", existing: "/run/headcni", inMemory: true },
      { ...directory, path: "/var/lib/headcni", existing: "/var/lib/headcni" },
    ],
    newerFormats: [],
    udpPorts: [68],
    tcpPorts: [22, 9797],
    nameservers: { direct: ["192.0.2.53"], forwarded: [] },
  },
  firewall: { value: { foreign: [], ownedTables: [], legacyRules: [], serviceProxy: "netfilter" } },
  cni: {
    configurations: ["10-headcni.conflist"],
    before: [],
    ourConflistPresent: true,
    pluginsVisible: true,
    pluginFault: "",
    pluginPresent: true,
    pluginVersions: ["1.0.0"],
    plugins: ["headcni", "portmap", "loopback"],
  },
  headscale: {
    addresses: { value: ["203.0.113.5"] },
    unreachable: undefined,
    version: { value: "v0.29.2" },
    clockSkewSeconds: { value: -0.4 },
    embeddedDerp: { value: false },
    authKeyPrefix: { value: "hskey-auth-abcdefghijkl" },
    admin: {
      value: {
        policy: { value: goodPolicy },
        nodes: [
          { id: "1", name: "n1", online: true, routes: ["10.244.1.0/24"] },
          { id: "2", name: "n2", online: true, routes: ["10.244.2.0/24"] },
        ],
        authKeys: [
          {
            key: "hskey-auth-abcdefghijkl-***",
            used: false,
            reusable: false,
            expired: false,
            tags: ["tag:k8s-node"],
          },
        ],
      },
    },
  },
  daemon: { value: { serving: true, state: "proven", reason: "" } },
  tailnet: {
    value: {
      nodeId: "1",
      backendState: "Running",
      online: true,
      hostname: "n1",
      primaryRoutes: ["10.244.1.0/24"],
      peers: [{ id: "2", name: "n2", online: true, routes: ["10.244.2.0/24"] }],
      relayHosts: ["derp.example.org"],
    },
  },
  owner: undefined,
  bootUnit: "noState",
  kubernetes: {
    unreachable: "",
    ownPodCidrs: { value: ["10.244.1.0/24"] },
    ownAddressing: {
      value: {
        addresses: [{ type: "InternalIP", address: "10.244.1.1" }],
        ...{ replaced: "192.0.2.7", annotated: true, uninitializedAt: -1 },
      },
    },
    nodes: {
      value: [
        { name: "n1", podCidrs: ["10.244.1.0/24"] },
        { name: "n2", podCidrs: ["10.244.2.0/24"] },
      ],
    },
    serviceCidrs: { value: ["10.96.0.0/16"] },
    forbidden: { value: [] },
  },
};

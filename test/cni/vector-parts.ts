import type { CniResult } from "../../src/protocol/cni-protocol.ts";
import type { DaemonScript } from "./scripted-daemon.ts";

/** Paths that are no usable network namespace, on any Linux. */
export const places = {
  own: "/proc/self/ns/net",
  mount: "/proc/self/ns/mnt",
  file: "/etc/passwd",
  missing: "/nonexistent/netns",
} as const;
export const netnsKinds = {
  [places.own]: "own",
  [places.mount]: "notNamespace",
  [places.file]: "notNamespace",
} as const;

export const v100 = { cniVersion: "1.0.0", name: "headcni", type: "headcni" };
export const v110 = { ...v100, cniVersion: "1.1.0" };
const args =
  "K8S_POD_UID=u-1;IgnoreUnknown=1;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=c1;K8S_POD_NAMESPACE=default";
const pod = { namespace: "default", name: "web", uid: "u-1" };
export const noPod = { namespace: "", name: "", uid: "" };

function resultIn(netns: string): CniResult {
  return {
    cniVersion: "1.1.0",
    interfaces: [
      { name: "hc0123", mac: "0a:00:00:00:00:01", mtu: 1280 },
      { name: "eth0", mac: "0a:00:00:00:00:02", mtu: 1280, sandbox: netns },
    ],
    ips: [{ address: "10.244.1.7/32", gateway: "169.254.1.1", interface: 1 }],
    routes: [{ dst: "0.0.0.0/0", gw: "169.254.1.1" }],
    dns: {},
  };
}

/** What the vectors are put together from; `netns` is a network namespace other than the caller's. */
export function vectorParts(netns: string) {
  const result = resultIn(netns);
  const added: DaemonScript = { kind: "replies", reply: { wire: 1, ok: true, result } };
  const done: DaemonScript = { kind: "replies", reply: { wire: 1, ok: true } };
  const variables = { CNI_CONTAINERID: "c1", CNI_NETNS: netns, CNI_IFNAME: "eth0", CNI_PATH: "/opt/cni/bin" };
  const add = { ...variables, CNI_COMMAND: "ADD", CNI_ARGS: args };
  const del = { ...variables, CNI_COMMAND: "DEL", CNI_ARGS: args };
  const check = { ...variables, CNI_COMMAND: "CHECK", CNI_ARGS: args };
  const gc = { CNI_COMMAND: "GC", CNI_PATH: "/opt/cni/bin" };
  const status = { CNI_COMMAND: "STATUS" };
  const version = { CNI_COMMAND: "VERSION" };
  const versions = { supportedVersions: ["1.0.0", "1.1.0"] };
  const attachment = { wire: 1, network: "headcni", containerId: "c1", ifname: "eth0", netns, pod };
  const node = {
    wire: 1,
    network: "headcni",
    cniVersion: "1.1.0",
    containerId: "",
    ifname: "",
    netns: "",
    pod: noPod,
  };
  const noMtu = result.interfaces.map(({ mtu: _, ...rest }) => rest);
  const refusal = { code: 11, msg: "pool is full", details: "254 of 254 addresses in use" } as const;
  const refusing: DaemonScript = { kind: "replies", reply: { wire: 1, ok: false, error: refusal } };

  return {
    result,
    added,
    done,
    variables,
    add,
    del,
    check,
    gc,
    status,
    version,
    versions,
    attachment,
    node,
    noMtu,
    refusing,
  };
}

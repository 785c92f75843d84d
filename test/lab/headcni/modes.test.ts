import { expect, test } from "vitest";
import { checkHostMode } from "../../../src/config/check-host-mode.ts";
import { clusterOf } from "../kubernetes/cluster.ts";
import type { ClusterTools } from "../kubernetes/cluster-types.ts";
import { modeLabels, releasesOf } from "../kubernetes/install/helm.ts";
import type { Lab, LabOptions, Tools } from "../lab-types.ts";
import { layOut, withNode } from "../layout.ts";
import { daemonConfig } from "./daemon-config.ts";

const tools = { tailscaled: "/bin/tailscaled", cluster: {} as ClusterTools } as Tools;
const kubernetes = { network: "chart", proxyMode: "nftables" } as const;

function labOf(changes: Partial<LabOptions>): Lab {
  const options: LabOptions = {
    ...{ nodes: 3, approval: "policy", tuning: "fast", daemon: "bundle", families: [4], config: {} },
    ...{ hostTailscaled: [], behindNat: [], relayOnly: [], cacheNetworkMaps: true },
  };
  return layOut("modes", { ...options, ...changes }, tools, undefined);
}

const modes = ({ nodes }: Lab) => nodes.map(({ mode }) => mode);

/** As the daemon's own check sees a node's configuration: by dotted path. */
function refused(lab: Lab, index: number) {
  const config = daemonConfig(lab, nodeAt(lab, index)) as Record<string, Record<string, unknown>>;
  const at = (path: string) => {
    const [section = "", key = ""] = path.split(".");
    return config[section]?.[key];
  };
  return checkHostMode({
    get: at,
    sourceOf: (path) => (at(path) === undefined ? "default" : "config.yaml"),
  });
}

function nodeAt({ nodes }: Lab, index: number) {
  const node = nodes[index];
  if (node === undefined) throw new Error(`no node ${index}`);
  return node;
}

test("a lab's nodes are in mode daemon unless it says otherwise; mixed, every second one is in mode host", () => {
  expect(modes(labOf({}))).toEqual(["daemon", "daemon", "daemon"]);
  expect(modes(labOf({ mode: "host" }))).toEqual(["host", "host", "host"]);
  const mixed = labOf({ mode: "mixed" });
  expect(modes(mixed)).toEqual(["daemon", "host", "daemon"]);
  expect(modes(withNode(mixed, "n4", false))).toEqual(["daemon", "host", "daemon", "host"]);
});

test("in mode host pods are carried by the tailscaled that the node's owner runs, and by no other", () => {
  for (const node of labOf({ mode: "host" }).nodes)
    expect(node.tailscaledSocket).toBe(node.hostTailscaledSocket);
  const [beside] = labOf({ hostTailscaled: ["n1"] }).nodes;
  expect(beside?.tailscaledSocket).not.toBe(beside?.hostTailscaledSocket);
  expect(labOf({}).nodes.map(({ hostTailscaledSocket }) => hostTailscaledSocket)).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test("each node's configuration has the keys of its mode and none of the other", () => {
  const mixed = labOf({ mode: "mixed", relayOnly: ["n1", "n2"] });
  for (const index of [0, 1]) expect(refused(mixed, index)).toEqual([]);
  expect(daemonConfig(mixed, nodeAt(mixed, 1))).toMatchObject({
    headscale: expect.not.objectContaining({ authKeyFile: expect.anything() }),
    tailscale: { mode: "host", socket: nodeAt(mixed, 1).tailscaledSocket, tags: ["tag:k8s-node"] },
  });
});

test("in mode host the API server is at its node's tailnet address, which is that of who joins first", () => {
  const cluster = clusterOf(labOf({ mode: "host", kubernetes }));
  expect([cluster.controlPlane?.name, cluster.apiUrl]).toEqual(["n1", "https://100.64.0.1:6443"]);
  expect(cluster.netns).toBe(cluster.controlPlane?.netns);
  for (const mode of ["daemon", "mixed"] as const) {
    const { controlPlane, apiUrl } = clusterOf(labOf({ mode, kubernetes }));
    expect([controlPlane, apiUrl]).toEqual([undefined, "https://10.99.0.1:6443"]);
  }
});

test("HeadCNI is one release of the chart, and where nodes are in both modes two, each with its nodes", () => {
  expect(releasesOf(labOf({}))).toEqual([{ name: "headcni", mode: "daemon" }]);
  expect(releasesOf(labOf({ mode: "host" }))).toEqual([{ name: "headcni", mode: "host" }]);
  const mixed = labOf({ mode: "mixed" });
  expect(releasesOf(mixed)).toEqual([
    { name: "headcni", mode: "daemon" },
    { name: "headcni-host", mode: "host" },
  ]);
  const labels = mixed.nodes.map((node) => Object.values(modeLabels(mixed, node)));
  expect(labels).toEqual([["daemon"], ["host"], ["daemon"]]);
  expect(modeLabels(labOf({}), nodeAt(labOf({}), 0))).toEqual({});
});

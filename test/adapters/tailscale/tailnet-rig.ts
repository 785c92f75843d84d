import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { createHeadscale, type HeadscaleOptions } from "../../../src/adapters/headscale/headscale-client.ts";
import { createTailnet } from "../../../src/adapters/tailscale/tailnet-client.ts";
import { ensureTools } from "../../lab/build/tools.ts";
import { startDerp, writeDerpMap } from "../../lab/derp.ts";
import { bootstrapHeadscale, startHeadscale, waitForHeadscale } from "../../lab/headscale.ts";
import { tailscaledEnvironment } from "../../lab/host-tailscaled.ts";
import { claimLab } from "../../lab/lab-store.ts";
import type { Lab, LabNode, LabOptions } from "../../lab/lab-types.ts";
import { layOut } from "../../lab/layout.ts";
import { netnsPath } from "../../lab/netns.ts";
import { silent } from "../../lab/progress.ts";
import { stopLab } from "../../lab/stop-lab.ts";
import { buildUnderlay, cableNode } from "../../lab/underlay.ts";
import { openTunnel, type Tunnel } from "./tunnel.ts";

/** The real control plane (Headscale, DERP) with node namespaces on its underlay, and our adapters on them. */
export type TailnetRig = {
  readonly lab: Lab;
  readonly headscaleUrl: string;
  /** Our tailscaled in the namespace of node `index` (from 0), which stands for X here. */
  tailnet(index: number): ReturnType<typeof createTailnet>;
  node(index: number): LabNode;
  authKey(): Promise<string>;
  /** The API client, through a tunnel into the namespace; with another key on demand. */
  headscale(key?: string): ReturnType<typeof createHeadscale>;
  headscaleWith(readApiKey: HeadscaleOptions["readApiKey"]): ReturnType<typeof createHeadscale>;
  end(): Promise<void>;
};

const options: LabOptions = {
  nodes: 2,
  approval: "api",
  tuning: "fast",
  hostTailscaled: [],
  behindNat: [],
  relayOnly: [],
  cacheNetworkMaps: false,
  daemon: "none",
  families: [4],
  config: {},
};

/** Starts the rig; `end` takes everything down again. */
export async function startTailnetRig(changes: Partial<LabOptions> = {}): Promise<TailnetRig> {
  const lab = layOut(
    randomBytes(2).toString("hex"),
    { ...options, ...changes },
    await ensureTools("none", silent),
    undefined,
  );
  await claimLab(lab.id);
  const closing: (() => unknown)[] = [];
  try {
    await buildUnderlay(lab);
    await Promise.all([writeDerpMap(lab), ...lab.nodes.map((node) => cableAsX(lab, node))]);
    await Promise.all([startDerp(lab), startHeadscale(lab)]);
    await waitForHeadscale(lab);
    await bootstrapHeadscale(lab);
    const tunnel = await openTunnel(lab.netns, lab.folder, new URL(lab.headscale.url));
    closing.push(() => tunnel.close());
    return rigOf(lab, tunnel, closing);
  } catch (error) {
    await stopLab(lab.id);
    throw error;
  }
}

async function cableAsX(lab: Lab, node: LabNode): Promise<void> {
  await cableNode(lab, node);
  await mkdir(node.runtimeDir, { recursive: true });
  await symlink(netnsPath(node.netns), join(node.runtimeDir, "tailnet.netns"));
}

function rigOf(lab: Lab, tunnel: Tunnel, closing: (() => unknown)[]): TailnetRig {
  const node = (index: number) => {
    const found = lab.nodes[index];
    if (found === undefined) throw new Error(`no node ${index}`);
    return found;
  };
  const closed = <Resource extends { close(): unknown }>(resource: Resource): Resource => {
    closing.push(() => resource.close());
    return resource;
  };
  const headscaleWith: TailnetRig["headscaleWith"] = (readApiKey) =>
    closed(createHeadscale({ url: tunnel.url, readApiKey }));
  return {
    lab,
    headscaleUrl: lab.headscale.url,
    node,
    tailnet: (index) =>
      closed(
        createTailnet({
          runtimeDir: node(index).runtimeDir,
          stateDir: node(index).stateDir,
          binary: lab.tools.tailscaled,
          interfaceName: "tailscale0",
          port: 41642,
          staticEndpoints: [],
          environment: tailscaledEnvironment,
          sysctlDir: "/proc/sys",
        }),
      ),
    authKey: () => readFile(lab.headscale.authKeyFile, "utf8"),
    headscale: (key) =>
      headscaleWith(() => ({ key: key ?? readFileSync(lab.headscale.apiKeyFile, "utf8").trim() })),
    headscaleWith,
    end: async () => {
      await Promise.all(closing.map((close) => close()));
      await stopLab(lab.id);
    },
  };
}

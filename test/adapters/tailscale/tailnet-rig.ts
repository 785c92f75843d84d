import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { createHeadscale, type HeadscaleOptions } from "../../../src/adapters/headscale/headscale-client.ts";
import { createTailnet } from "../../../src/adapters/tailscale/tailnet-client.ts";
import type { TailscaledOptions } from "../../../src/adapters/tailscale/tailscaled-command.ts";
import { createWireClient } from "../../../src/adapters/wire/wire-client.ts";
import { ensureTools } from "../../lab/build/tools.ts";
import { wireLog } from "../../lab/headcni/wire.ts";
import { claimLab } from "../../lab/lab-store.ts";
import type { Lab, LabNode, LabOptions } from "../../lab/lab-types.ts";
import { layOut } from "../../lab/layout.ts";
import { buildUnderlay, cableNode } from "../../lab/network/underlay.ts";
import { startProcess } from "../../lab/processes/processes.ts";
import { silent } from "../../lab/progress.ts";
import { stopLab } from "../../lab/stop-lab.ts";
import { startDerp, writeDerpMap } from "../../lab/tailnet/derp.ts";
import { bootstrapHeadscale, startHeadscale, waitForHeadscale } from "../../lab/tailnet/headscale.ts";
import { tailscaledEnvironment } from "../../lab/tailnet/host-tailscaled.ts";
import { openTunnel, type Tunnel } from "./tunnel.ts";

/** The real control plane (Headscale, DERP) with node namespaces on its underlay, and our adapters on them. */
export type TailnetRig = {
  readonly lab: Lab;
  readonly headscaleUrl: string;
  /** The tailscaled in the namespace of node `index` (from 0), which stands for X here; it runs from the start. */
  tailnet(index: number): ReturnType<typeof createTailnet>;
  node(index: number): LabNode;
  /** How that tailscaled is run, and by what. */
  launched(index: number): TailscaledOptions;
  wire(index: number): ReturnType<typeof createWireClient>;
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

/** Starts the rig, with a tailscaled by `runs` in each node's namespace; `end` takes everything down again. */
export async function startTailnetRig(
  changes: Partial<LabOptions> = {},
  runs: (lab: Lab, node: LabNode) => Promise<void> = runTailscaled,
  id = randomBytes(2).toString("hex"),
): Promise<TailnetRig> {
  const lab = layOut(
    id,
    { ...options, ...changes },
    await ensureTools({ daemon: "none" }, silent),
    undefined,
  );
  await claimLab(lab.id);
  const closing: (() => unknown)[] = [];
  try {
    await buildUnderlay(lab);
    await Promise.all([writeDerpMap(lab), ...lab.nodes.map((node) => cableNode(lab, node))]);
    await Promise.all([startDerp(lab), startHeadscale(lab)]);
    await waitForHeadscale(lab);
    await bootstrapHeadscale(lab);
    await Promise.all(lab.nodes.map((node) => runs(lab, node)));
    const tunnel = await openTunnel(lab.netns, lab.folder, new URL(lab.headscale.url));
    closing.push(() => tunnel.close());
    return rigOf(lab, tunnel, closing);
  } catch (error) {
    await stopLab(lab.id);
    throw error;
  }
}

const launcher = fileURLToPath(new URL("./launcher-process.ts", import.meta.url));

function tailscaledOf(lab: Lab, node: LabNode): TailscaledOptions {
  return {
    runtimeDir: node.runtimeDir,
    stateDir: node.stateDir,
    binary: lab.tools.tailscaled,
    interfaceName: "tailscale0",
    mtu: 1280,
    port: 41642,
    staticEndpoints: [],
    environment: tailscaledEnvironment,
    sysctlDir: "/proc/sys",
  };
}

/** The node's namespace stands for X: tailscaled runs in it as headcni-wire runs it. */
async function runTailscaled(lab: Lab, node: LabNode): Promise<void> {
  await mkdir(node.runtimeDir, { recursive: true });
  await startProcess(lab.processFolder, {
    name: `${node.name}-wire`,
    netns: node.netns,
    command: [process.execPath, launcher, JSON.stringify(tailscaledOf(lab, node))],
    env: {},
    logFile: wireLog(node),
  });
}

function rigOf(lab: Lab, tunnel: Tunnel, closing: (() => unknown)[]): TailnetRig {
  const node = (index: number) => {
    const found = lab.nodes[index];
    if (found === undefined) throw new Error(`no node ${index}`);
    return found;
  };
  const wire = (index: number) =>
    createWireClient({ openNamespace: async () => undefined }, node(index).runtimeDir);
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
    launched: (index) => tailscaledOf(lab, node(index)),
    wire,
    tailnet: (index) => closed(createTailnet(node(index).tailscaledSocket, wire(index).running)),
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

import { tmpdir } from "node:os";
import { join } from "node:path";
import { parsePrefix, routerAddress } from "../../src/domain/addresses/prefix.ts";
import { LabError } from "./lab-error.ts";
import type { Lab, LabNode, LabOptions, Mode, Tools } from "./lab-types.ts";

/** Folder names of labs in the temporary folder start with this, then the id. */
export const labFolderPrefix = "headcni-lab-";

/** Every network namespace of lab `id` starts with this. */
export function netnsPrefix(id: string): string {
  return `hc-${id}-`;
}

/** The lab's one folder. Short, because unix socket paths below it must stay under 108 bytes (unix(7)). */
export function labFolder(id: string): string {
  return join(tmpdir(), `${labFolderPrefix}${id}`);
}

/** Where the tailscaled of a node's owner has its socket, in the node's folder; the node itself knows it as /run/tailscale. */
export function ownersRunFolder(nodeFolder: string): string {
  return join(nodeFolder, "host-run");
}

/** Of the pods, by family. */
const supernets = { 4: "10.244.0.0/16", 6: "fd00:10:244::/48" } as const;

/** Address families of the underlay. */
export function underlayFamilies({ underlay, families }: LabOptions): readonly (4 | 6)[] {
  return underlay ?? (families.includes(6) ? [4, 6] : [4]);
}

/** Where Headscale and the relay are, by the first of them. */
const hosts = { 4: "10.99.0.1", 6: "[fd00:10:99::1]" } as const;

/** Everything about a lab that follows from its id, options and programs: names, addresses, paths. */
export function layOut(id: string, options: LabOptions, tools: Tools, daemon: Lab["daemon"]): Lab {
  const folder = labFolder(id);
  const headscaleFolder = join(folder, "headscale");
  const host = hosts[underlayFamilies(options)[0] ?? 4];
  return {
    id,
    folder,
    processFolder: join(folder, "processes"),
    options,
    tools,
    daemon,
    supernets: options.families.map((family) => supernets[family]),
    supernet: supernets[options.families[0] ?? 4],
    netns: `${netnsPrefix(id)}hs`,
    headscale: {
      url: `http://${host}:8080`,
      debugUrl: "http://127.0.0.1:9090",
      folder: headscaleFolder,
      configFile: join(headscaleFolder, "config.yaml"),
      apiKeyFile: join(headscaleFolder, "api.key"),
      authKeyFile: join(headscaleFolder, "node.authkey"),
      hostAuthKeyFile: join(headscaleFolder, "host.authkey"),
      logFile: join(headscaleFolder, "headscale.log"),
    },
    derp: {
      url: `http://${host}:3340`,
      stunPort: 3478,
      regionId: 900,
      mapFile: join(folder, "derp", "map.yaml"),
      logFile: join(folder, "derp", "derper.log"),
    },
    nodes: Array.from({ length: options.nodes }, (_, index) => layOutNode(id, index + 1, options)),
  };
}

/** The lab with one more node: `n1` to `n99`. Throws LabError BAD_OPTION for another name or one that is taken. */
export function withNode(lab: Lab, name: string, behindNat: boolean): Lab {
  const [, index] = /^n([1-9]\d?)$/.exec(name) ?? [];
  if (index === undefined) throw new LabError("BAD_OPTION", `a node is named n1 to n99, not "${name}"`);
  if (lab.nodes.some((node) => node.name === name))
    throw new LabError("BAD_OPTION", `lab "${lab.id}" has a node "${name}" already`);
  const options = {
    ...lab.options,
    nodes: lab.options.nodes + 1,
    behindNat: [...lab.options.behindNat, ...(behindNat ? [name] : [])],
  };
  return { ...lab, options, nodes: [...lab.nodes, layOutNode(lab.id, Number(index), options)] };
}

/** What follows from a node's pod CIDRs. */
export function podAddresses(
  podCIDRs: readonly string[],
): Pick<LabNode, "podCIDRs" | "routerAddresses" | "podCIDR" | "routerAddress"> {
  const routerAddresses = podCIDRs.map((cidr) => routerAddress(parsePrefix(cidr)));
  const [podCIDR = ""] = podCIDRs;
  return { podCIDRs, routerAddresses, podCIDR, routerAddress: routerAddresses[0] ?? "" };
}

/** Which mode the node with that number is in. */
function modeOf(index: number, { mode = "daemon" }: LabOptions): Mode {
  if (mode !== "mixed") return mode;
  return index % 2 === 0 ? "host" : "daemon";
}

function layOutNode(id: string, index: number, options: LabOptions): LabNode {
  const name = `n${index}`;
  const folder = join(labFolder(id), name);
  const runtimeDir = join(folder, "run");
  const behindNat = options.behindNat.includes(name);
  const mode = modeOf(index, options);
  const ownersSocket = join(ownersRunFolder(folder), "tailscaled.sock");
  const podCIDRs = options.families.map((family) =>
    family === 4 ? `10.244.${index}.0/24` : `fd00:10:244:${index}::/64`,
  );
  return {
    name,
    mode,
    index,
    netns: `${netnsPrefix(id)}${name}`,
    address: behindNat ? `192.168.${index}.2` : `10.99.0.${10 + index}`,
    natNetns: behindNat ? `${netnsPrefix(id)}${name}-nat` : undefined,
    address6: underlayFamilies(options).includes(6)
      ? behindNat
        ? `fd00:10:99:${index}::2`
        : `fd00:10:99::${10 + index}`
      : undefined,
    ...podAddresses(podCIDRs),
    folder,
    runtimeDir,
    stateDir: join(folder, "state"),
    configFile: join(folder, "config.yaml"),
    logFile: join(folder, "daemon.log"),
    cniBinDir: join(folder, "cni-bin"),
    cniConfDir: join(folder, "cni-conf"),
    cniSocket: join(runtimeDir, "cni.sock"),
    httpSocket: join(runtimeDir, "http.sock"),
    metricsUrl: "http://127.0.0.1:9797/metrics",
    tailscaledSocket: mode === "host" ? ownersSocket : join(runtimeDir, "tailscaled.sock"),
    hostTailscaledSocket: mode === "host" || options.hostTailscaled.includes(name) ? ownersSocket : undefined,
  };
}

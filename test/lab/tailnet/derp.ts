import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Lab } from "../lab-types.ts";
import { underlayFamilies } from "../layout.ts";
import { inNetns } from "../network/netns.ts";
import { bridgeAddress, bridgeAddress6 } from "../network/underlay.ts";
import { startProcess } from "../processes/processes.ts";
import { run } from "../run-command.ts";
import { tailscaledCounters } from "./local-api.ts";

/** Writes the DERP map that Headscale hands to every tailscaled: one region, plain HTTP. YAML, for its numeric keys. */
export async function writeDerpMap(lab: Lab): Promise<void> {
  const { regionId, stunPort, url } = lab.derp;
  const families = underlayFamilies(lab.options);
  const { port } = new URL(url);
  // A name that nobody asks for: tailscaled makes a URL of it, without the brackets of an address of IPv6.
  const hostname = families.includes(4) ? bridgeAddress : "relay.test";
  const addresses = families.map((family) => `ipv${family}: "${stunAddresses[family]}"`).join(", ");
  // "none" switches a family off (tailscale tailcfg/derpmap.go, DERPNode).
  const ipv4 = families.includes(4) ? "" : "ipv4: none, ";
  const node = `{name: ${regionId}a, regionid: ${regionId}, hostname: ${hostname}, ${ipv4}${addresses}, stunport: ${stunPort}, derpport: ${port}}`;
  const region = `{regionid: ${regionId}, regioncode: lab, regionname: lab, nodes: [${node}]}`;
  await mkdir(dirname(lab.derp.mapFile), { recursive: true });
  await writeFile(lab.derp.mapFile, `regions: {${regionId}: ${region}}\n`);
}

/**
 * How far away the relay is, for STUN. tailscaled 1.102 takes an answer that arrives before its send returned for a send that
 * failed, and then opens its UDP socket anew, which costs packets (net/netcheck/netcheck.go, `runProbe`; repaired by
 * tailscale#21086, in 1.104). A relay in the same kernel answers that early one time in 20.
 */
const stunDelayMs = 50;

/** Where STUN is answered, so that tailscaled learns its address of each family. */
const stunAddresses = { 4: bridgeAddress, 6: bridgeAddress6 } as const;

/** Starts the relay as a process of its own, so that Headscale may be away without it. */
export async function startDerp(lab: Lab): Promise<void> {
  const { port: httpPort, hostname } = new URL(lab.derp.url);
  const config = join(dirname(lab.derp.mapFile), "derper.json");
  const [port, delay] = [String(lab.derp.stunPort), String(stunDelayMs)];
  const stun = underlayFamilies(lab.options).flatMap((family) => [
    lab.tools.farStun,
    stunAddresses[family],
    port,
    delay,
  ]);
  const derper = [lab.tools.derper, "-dev", "-a", `:${httpPort}`, "-stun=false", "-c", config];
  const [program = "", ...words] = [...stun, ...derper];
  await startProcess(lab.processFolder, {
    name: "derp",
    netns: lab.netns,
    command: [program, ...words],
    // Its counters (`relayDrops`) are for loopback and for this address (tsweb.AllowDebugAccess).
    env: { TS_ALLOW_DEBUG_IP: hostname.replace(/^\[|\]$/g, "") },
    logFile: lab.derp.logFile,
  });
}

/**
 * How many packets on the way through the relay were dropped since their program started: by `derper` (all its reasons:
 * derp/derpserver/derpserver.go of tailscale.com 1.102.3, `dropReason`), and by each node's tailscaled, whose queue
 * towards the relay holds 32 and drops the oldest (wgengine/magicsock/derp.go, `derpWriteQueueDepth`; magicsock.go, `sendAddr`).
 */
export async function relayDrops(lab: Lab): Promise<Readonly<Record<string, number>>> {
  const script = `fetch("${lab.derp.url}/debug/vars").then((answer) => answer.text()).then(console.log)`;
  const page = JSON.parse(await run(inNetns(lab.netns, [process.execPath, "-e", script])));
  const { type: _, ...byReason } = (page as { readonly derp_packets_dropped: Record<string, number> })
    .derp_packets_dropped;
  const nodes = lab.nodes.map(async (node) => {
    const counters = await tailscaledCounters(lab, node, ["magicsock_send_derp_dropped"]);
    return [node.name, counters.magicsock_send_derp_dropped] as const;
  });
  const derper = Object.values(byReason).reduce((sum, count) => sum + count, 0);
  return { derper, ...Object.fromEntries(await Promise.all(nodes)) };
}

import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Lab } from "./lab-types.ts";
import { startProcess } from "./processes.ts";

/** Writes the DERP map that Headscale hands to every tailscaled: one region, plain HTTP. YAML, for its numeric keys. */
export async function writeDerpMap(lab: Lab): Promise<void> {
  const { regionId, stunPort, url } = lab.derp;
  const { hostname, port } = new URL(url);
  const node = `{name: ${regionId}a, regionid: ${regionId}, hostname: ${hostname}, ipv4: ${hostname}, stunport: ${stunPort}, derpport: ${port}}`;
  const region = `{regionid: ${regionId}, regioncode: lab, regionname: lab, nodes: [${node}]}`;
  await mkdir(dirname(lab.derp.mapFile), { recursive: true });
  await writeFile(lab.derp.mapFile, `regions: {${regionId}: ${region}}\n`);
}

/** Starts the relay as a process of its own, so that Headscale may be away without it. */
export async function startDerp(lab: Lab): Promise<void> {
  const { host } = new URL(lab.derp.url);
  const config = join(dirname(lab.derp.mapFile), "derper.json");
  const stun = ["-stun", "-stun-port", String(lab.derp.stunPort)];
  await startProcess(lab.processFolder, {
    name: "derp",
    netns: lab.netns,
    command: [lab.tools.derper, "-dev", "-a", host, ...stun, "-c", config],
    env: {},
    logFile: lab.derp.logFile,
  });
}

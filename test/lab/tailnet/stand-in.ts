import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Lab, LabNode } from "../lab-types.ts";
import { addNetns, inNetns, ipBatch, setSysctls } from "../network/netns.ts";
import { startProcess } from "../processes/processes.ts";
import { run } from "../run-command.ts";
import { waitUntil } from "../wait-until.ts";
import { tailscaledEnvironment } from "./host-tailscaled.ts";

/** A node's tailnet without the daemon: its tailscaled in X, joined by hand, and the reference ptp plugin. */
export async function startStandIn(lab: Lab, node: LabNode): Promise<void> {
  const x = `${node.netns}-x`;
  await addNetns(x);
  await ipBatch(node.netns, [
    `link add hc0 type veth peer name eth0 netns ${x}`,
    "address add 198.18.0.1/30 dev hc0",
    `address add ${node.routerAddress}/32 dev hc0`,
    "link set hc0 up",
    `rule add pref 5100 to ${node.podCIDR} lookup main`,
    `rule add pref 5101 to ${lab.supernet} lookup 5100`,
    `route add default via 198.18.0.2 src ${node.routerAddress} table 5100`,
  ]);
  await ipBatch(x, [
    "address add 198.18.0.2/30 dev eth0",
    "link set eth0 up",
    "route add default via 198.18.0.1",
    `route add ${node.podCIDR} via 198.18.0.1`,
    `route add unreachable ${lab.supernet}`,
    `rule add pref 5100 to ${node.podCIDR} lookup main`,
  ]);
  const forwarding = { "net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1" };
  await setSysctls(node.netns, forwarding);
  await setSysctls(x, forwarding);
  await run(inNetns(node.netns, ["nft", "-f", "-"]), {
    input: `table ip standin {
      chain pre { type nat hook prerouting priority dstnat; ip daddr ${node.address} udp dport 41642 dnat to 198.18.0.2:41642; }
      chain post { type nat hook postrouting priority srcnat; ip saddr 198.18.0.2 oifname eth0 masquerade; }
    }`,
  });
  const state = join(node.stateDir, "tailscale");
  await mkdir(state, { recursive: true });
  await startProcess(lab.processFolder, {
    name: `${node.name}-tailscaled`,
    netns: x,
    command: [
      lab.tools.tailscaled,
      `--socket=${node.tailscaledSocket}`,
      `--statedir=${state}`,
      "--port=41642",
    ],
    env: { ...tailscaledEnvironment, TS_LOGS_DIR: state },
    logFile: join(node.runtimeDir, "tailscaled.log"),
  });
  const cli = (...args: string[]) =>
    run(inNetns(node.netns, [lab.tools.tailscale, `--socket=${node.tailscaledSocket}`, ...args]), {
      timeoutMs: 60_000,
    });
  await waitUntil(async () => (await cli("status", "--json").catch(() => "")) !== "", {
    what: "tailscaled",
    timeoutMs: 15_000,
  });
  await cli(
    "up",
    `--login-server=${lab.headscale.url}`,
    `--auth-key=file:${lab.headscale.authKeyFile}`,
    `--hostname=${node.name}`,
    "--accept-dns=false",
    "--accept-routes",
    `--advertise-routes=${node.podCIDR}`,
    "--snat-subnet-routes=false",
    "--netfilter-mode=off",
  );
  await writeFile(join(node.cniConfDir, "10-headcni.conflist"), JSON.stringify(ptpConflist(node)));
  await waitUntil(
    async () => (JSON.parse(await cli("status", "--json")).Self.PrimaryRoutes ?? []).includes(node.podCIDR),
    { what: "own route", timeoutMs: 20_000 },
  );
}

function ptpConflist(node: LabNode): unknown {
  const ranges = [[{ subnet: node.podCIDR, rangeStart: node.podCIDR.replace("0/24", "10") }]];
  const ipam = {
    type: "host-local",
    ranges,
    routes: [{ dst: "0.0.0.0/0" }],
    dataDir: join(node.folder, "ipam"),
  };
  return { cniVersion: "1.0.0", name: "headcni", plugins: [{ type: "ptp", mtu: 1280, ipam }] };
}

import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { openKernel } from "../../../adapters/netlink/open-kernel.ts";
import { openFirewall } from "../../../adapters/nftables/open-firewall.ts";
import { planAttachment } from "../../../domain/attachment/pod-network-plan.ts";
import { toFailure } from "../../../domain/failure.ts";
import { desiredNodeState, desiredTailnetState } from "../../../domain/guard/desired-state.ts";
import type { NamespaceGuard } from "../../../domain/guard/guard-settings.ts";
import { nodeTable } from "../../../domain/nftables/nft-node-table.ts";
import { loadTable } from "../../../domain/nftables/nft-table.ts";
import { tailnetTable } from "../../../domain/nftables/nft-tailnet-table.ts";
import type { FeatureTrial, KernelFeature } from "../judge/facts.ts";

/** Any addresses will do: nothing leaves the namespace. */
const trial = {
  4: {
    link: "198.18.0.0/30",
    supernet: "10.244.0.0/16",
    own: "10.244.1.0/24",
    router: "10.244.1.1",
    pod: "10.244.1.2",
  },
  6: {
    link: "fd48:4541:4443::/126",
    supernet: "fd00:10:244::/48",
    own: "fd00:10:244:1::/64",
    router: "fd00:10:244:1::1",
    pod: "fd00:10:244:1::2",
  },
} as const;

/**
 * Makes in this process's network and mount namespace what HeadCNI makes on a node and for a pod, with the same code, and
 * tells what the kernel refused. The namespaces must be fresh ones (unshare --net --mount): nothing is undone. `folder` is one to
 * write into, `sysctlRoot` where sysctls can be written.
 */
export async function tryKernel(
  families: readonly (4 | 6)[],
  places: { readonly folder: string; readonly sysctlRoot: string },
): Promise<readonly FeatureTrial[]> {
  const folder = mkdtempSync(join(places.folder, "headcni-doctor-"));
  const kernel = await openKernel({ onFailure: () => undefined, sysctlRoot: places.sysctlRoot });
  const { state, podNetwork } = kernel;
  const paths = { tailnet: join(folder, "tailnet"), pod: join(folder, "pod") };
  const firewall = openFirewall({ tailnetPath: () => paths.tailnet });
  const settings = trialSettings(families);
  const load = (name: "node" | "tailnet") => {
    // Ours has both families, whatever pods and the underlay have.
    const both = { ...settings, linkPrefixes: Object.values(trial).map(({ link }) => link) };
    const table = name === "node" ? nodeTable(both) : tailnetTable(both);
    return firewall.apply(name, [{ tool: "nft", document: loadTable(table) }]);
  };
  const work: Readonly<Record<KernelFeature, () => Promise<void>>> = {
    routing: async () => {
      await state.createNamespace(paths.tailnet);
      await state.openNamespace("tailnet", paths.tailnet);
      await state.apply(
        "node",
        desiredNodeState(settings, true).map(({ operation }) => operation),
      );
      await state.apply(
        "tailnet",
        desiredTailnetState(settings).map(({ operation }) => operation),
      );
    },
    attachment: async () => {
      await state.createNamespace(paths.pod);
      const routers = families.map((family) => trial[family].router);
      // The pod's route prefers the router address, which must be there even if routing did not work.
      for (const address of routers)
        await state.apply("node", [
          { op: "address.add", link: "lo", address, prefixLength: address.includes(":") ? 128 : 32 },
        ]);
      const plan = planAttachment(
        {
          wire: 1,
          command: "ADD",
          cniVersion: "1.1.0",
          containerId: "doctor",
          ifname: "eth0",
          netns: paths.pod,
          network: "doctor",
          pod: { uid: "doctor", name: "doctor", namespace: "doctor" },
        },
        { routerAddresses: routers, mtu: settings.carrier.tunnel.mtu },
        { addresses: families.map((family) => trial[family].pod), order: 0 },
      );
      await podNetwork.attach(plan);
      const [found] = await podNetwork.list();
      if (found?.state !== "ready") throw new Error("group or alias of the link did not stay");
      const [mismatch] = await podNetwork.check(plan);
      if (mismatch !== undefined)
        throw new Error(`${mismatch.what} is ${mismatch.found}, not ${mismatch.expected}`);
    },
    firewall: () => load("node"),
    tailnetFirewall: () => load("tailnet"),
    forwarding: async () => {
      const names = families.map((family) =>
        family === 4 ? "net/ipv4/ip_forward" : "net/ipv6/conf/all/forwarding",
      );
      await state.writeSysctls("node", Object.fromEntries(names.map((name) => [name, "1"])));
      const read = await state.readSysctls("node", names);
      if (Object.values(read).some((value) => value !== "1")) throw new Error("the switch did not stay on");
    },
  };
  try {
    const trials: FeatureTrial[] = [];
    for (const feature of ["routing", "attachment", "firewall", "tailnetFirewall", "forwarding"] as const)
      trials.push({
        feature,
        refusal: await work[feature]().then(
          () => "",
          (error: unknown) => toFailure(error).message,
        ),
      });
    return trials;
  } finally {
    await state.removeNamespace(paths.pod).catch(() => undefined);
    await state.removeNamespace(paths.tailnet).catch(() => undefined);
    await kernel.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function trialSettings(families: readonly (4 | 6)[]): NamespaceGuard {
  return {
    supernets: families.map((family) => trial[family].supernet),
    ownPrefixes: families.map((family) => trial[family].own),
    carrier: {
      kind: "namespace",
      linkPrefixes: [trial[4].link, ...(families.includes(6) ? [trial[6].link] : [])],
      tunnel: { name: "tailscale0", mtu: 1280 },
      underlayPort: 41642,
    },
    masquerade: true,
    nodesKnown: true,
    networkPolicies: false,
    services: [],
    allowFromUnderlay: { prefixes: [], links: [] },
  };
}

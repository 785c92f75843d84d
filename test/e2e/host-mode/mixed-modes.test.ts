import { beforeAll, expect, test } from "vitest";
import { nodeOf } from "../../lab/lab-store.ts";
import { captureLink, captureUnderlay } from "../../lab/network/capture.ts";
import { addPod, type Pod } from "../../lab/pods.ts";
import { fetchFrom, startPodServer } from "../../lab/traffic/traffic.ts";
import { pings } from "../support/traffic/pings.ts";
import { useLab } from "../support/use-lab.ts";

/** n1 has HeadCNI's tailscaled in a namespace of its own, n2 that of its owner. */
const lab = useLab({ nodes: 2, mode: "mixed" });
const pods: Record<"n1" | "n2", Pod> = {} as never;
const ways = [
  { from: "n1", to: "n2" },
  { from: "n2", to: "n1" },
] as const;

beforeAll(async () => {
  for (const name of ["n1", "n2"] as const) {
    pods[name] = await addPod(lab(), name, `on-${name}`);
    await startPodServer(lab(), pods[name]);
  }
});

test.each(ways)(
  "a pod on $from reaches one on $to with its own address, and nothing of it is unencrypted",
  async ({ from, to }) => {
    const capture = await captureUnderlay(lab());
    const [report] = await fetchFrom(pods[from], [pods[to]], 1_000_000);
    expect(report).toMatchObject({ bytes: 1_000_000, source: pods[from].address });
    expect(await capture.stop("net 10.244.0.0/16")).toEqual([]);
  },
);

test.each(ways)(
  "what $from itself sends to pods on $to comes from its router address",
  async ({ from, to }) => {
    const node = nodeOf(lab(), from);
    const capture = await captureLink(lab(), pods[to].netns, "eth0");
    expect(await pings(node, pods[to].address)).toBe(true);
    const requests = (await capture.stop("icmp[icmptype] == icmp-echo")).map(
      (line) => / IP (\S+) >/.exec(line)?.[1],
    );
    expect(new Set(requests)).toEqual(new Set([node.routerAddress]));
  },
);

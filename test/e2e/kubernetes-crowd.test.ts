import { expect, test } from "vitest";
import { nodeTraces } from "../lab/kubernetes/node-traces.ts";
import { endCrowd, startCrowd } from "../lab/kubernetes/pod-crowd.ts";
import { waitUntil } from "../lab/wait-until.ts";
import { metric } from "./support/daemon-view.ts";
import { useLab } from "./support/use-lab.ts";

const lab = useLab({
  nodes: 2,
  kubernetes: { network: "chart", proxyMode: "nftables" },
  config: { "ipam.restSeconds": 1 },
});

const traces = async () =>
  await Promise.all(
    lab().nodes.map(async (node) => ({
      ...(await nodeTraces(lab(), node)),
      addresses: await metric(node, "headcni_ip_pool_used"),
    })),
  );

test("30 pods per node come and go at once, twice, and leave nothing", async () => {
  const before = await traces();
  for (const name of ["first", "second"]) {
    const crowd = { name, nodes: lab().nodes, perNode: 30 };
    await startCrowd(lab(), crowd);
    const meanwhile = await traces();
    expect(meanwhile.map(({ addresses }) => addresses)).toEqual(
      before.map(({ addresses }) => addresses + 30),
    );
    expect(meanwhile.map(({ routes }) => routes.length)).toEqual(
      before.map(({ routes }) => routes.length + 30),
    );
    await endCrowd(lab(), crowd);
    // The API server forgets a pod before the runtime is done with its sandbox, and addresses rest for a second.
    await waitUntil(async () => JSON.stringify(await traces()) === JSON.stringify(before), {
      what: "the nodes keep nothing more than before",
      timeoutMs: 120_000,
      everyMs: 500,
      explain: async () => `before ${JSON.stringify(before)}, now ${JSON.stringify(await traces())}`,
    });
  }
});

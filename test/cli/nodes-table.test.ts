import { expect, test } from "vitest";
import { createStyle } from "../../src/cli/output/style.ts";
import { nodesTable } from "../../src/cli/status/nodes-table.ts";

const plain = { style: createStyle(false), width: 120 };

test("of several pod CIDRs the one that runs out first is shown", () => {
  const pools = [
    { prefix: "fd00:10:244:1::/64", size: 2 ** 48, used: 200, resting: 0 },
    { prefix: "10.244.1.0/24", size: 253, used: 200, resting: 0 },
  ];
  const status = {
    ...{ readiness: { serving: true, state: "proven", reasons: [] }, attachments: [], pools, peers: [] },
    ...{ guard: { repairs: {} }, headscale: { connected: true } },
  };
  const nodes = [{ node: "n1", document: { status, stuck: [] } }] as never;
  expect(nodesTable(nodes, plain)).toContain("10.244.1.0/24 200/253");
});

import { describe, expect, it } from "vitest";
import { departedAfterMs, departedMachines } from "../../../src/domain/approval/departed-machines.ts";
import { clusterNode } from "../../support/cluster-node.ts";
import { tailnetMachine } from "../../support/tailnet-machine.ts";

const now = 10 * departedAfterMs;
const nodes = [clusterNode("n1", ["10.244.1.0/24"])];
const gone = tailnetMachine("7", { online: false, authKeyId: "3" });
const departed = (...machines: readonly ReturnType<typeof tailnetMachine>[]) =>
  departedMachines(nodes, machines, ["3", "4"], now).map(({ id }) => id);

describe("machines that departed", () => {
  it("joined with a key of the controller's, are named by no Node and offline", () => {
    expect(departed(gone)).toEqual(["7"]);
  });

  it.each([
    ["is online", { online: true }],
    ["joined with a key of somebody else", { authKeyId: "5" }],
    ["joined without a key", { authKeyId: "" }],
    ["was seen a moment ago", { lastSeenAtMs: now - departedAfterMs }],
    ["is new", { createdAtMs: now - departedAfterMs }],
    ["is named by a Node", { id: "1" }],
  ])("are none where one %s", (_, more) => {
    expect(departed({ ...gone, ...more })).toEqual([]);
  });

  it("are none while the cluster has no Node", () => {
    expect(departedMachines([], [gone], ["3"], now)).toEqual([]);
  });

  it("are five at once at most", () => {
    expect(departed(...Array.from({ length: 9 }, (_, at) => ({ ...gone, id: `9${at}` })))).toHaveLength(5);
  });
});

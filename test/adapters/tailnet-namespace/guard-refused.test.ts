import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../../support/until.ts";
import { type GuardedNode, guardedNode } from "./guarded-node.ts";
import { addPod, type TestPod } from "./pod-in-namespace.ts";
import { sampleSettings } from "./sample-settings.ts";
import { remotePod, type StandInTailnet, standInTailnet } from "./stand-in-tailnet.ts";

const podAddress = "10.244.1.5";
let node: GuardedNode;
let pod: TestPod;
let tailnet: StandInTailnet;

beforeAll(async () => {
  node = await guardedNode("refuse", sampleSettings);
  await node.start();
  pod = await addPod(node, "refuse", podAddress);
  tailnet = await standInTailnet(node, "refuse");
});
afterAll(async () => {
  await tailnet?.remove();
  await pod?.remove();
  await node?.remove();
});

const refuses = async (what: string) =>
  (await node.inX("nft", "list", "table", "inet", "headcni")).includes(what);

test("what a peer announces and may not is kept out both ways, for as long as that is so", async () => {
  await node.settled();
  expect(await pod.answers(remotePod)).toBe(true);

  node.refuse(["10.244.2.0/25", "10.244.9.0/24"]);
  await until(() => refuses("10.244.9.0/24"), "the guard refuses");
  await node.settled();
  expect(await pod.answers(remotePod)).toBe(false);
  expect(await tailnet.reaches(remotePod, podAddress)).toBe(false);

  node.refuse(["10.244.9.0/24"]);
  await until(async () => !(await refuses("10.244.2.0/25")), "the guard lets the prefix in");
  await node.settled();
  expect(await pod.answers(remotePod)).toBe(true);
  expect(await tailnet.reaches(remotePod, podAddress)).toBe(true);

  node.refuse([]);
  await until(async () => !(await refuses("refused")), "nothing is refused");
});

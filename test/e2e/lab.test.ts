import { spawn } from "node:child_process";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { openLab } from "../lab/lab-store.ts";
import { labFolder } from "../lab/layout.ts";
import { describeLeftovers, findLeftovers } from "../lab/leftovers.ts";
import { addPod, execInPod } from "../lab/pods.ts";
import { run } from "../lab/run-command.ts";
import { startLab } from "../lab/start-lab.ts";
import { stopLab } from "../lab/stop-lab.ts";
import { waitUntil } from "../lab/wait-until.ts";

const { LAB_TEST_RUN = "t" } = process.env;
const commandLine = join(import.meta.dirname, "..", "lab", "main.ts");

test.each([100, 500, 1500, 3000])("a lab killed %i ms into its start is taken down whole", async (ms) => {
  const id = `${LAB_TEST_RUN}k${ms / 100}`;
  const child = spawn(process.execPath, [commandLine, "up", "--id", id], { stdio: "ignore" });
  const closed = new Promise((resolve) => child.once("close", resolve));
  await delay(ms);
  child.kill("SIGKILL");
  await closed;
  await stopLab(id);
  expect(describeLeftovers(await findLeftovers(id))).toBeUndefined();
});

test("a node is added to one of two labs from the command line: its pods and the old node's reach each other when the other lab is gone", async () => {
  const [id, other] = [`${LAB_TEST_RUN}g1`, `${LAB_TEST_RUN}g2`];
  for (const each of [id, other]) onTestFinished(() => stopLab(each));
  const labs = await Promise.all([id, other].map((each) => startLab({ id: each, nodes: 1, tuning: "fast" })));
  expect(labs.map(({ folder }) => folder)).toEqual([labFolder(id), labFolder(other)]);
  const nodeAdd = [commandLine, "node", "add", "--id", id, "--json"] as const;
  const added: unknown = JSON.parse(
    await run([process.execPath, ...nodeAdd, "--behind-nat", "n4"], { timeoutMs: 120_000 }),
  );
  expect(added).toMatchObject({ name: "n4", podCIDR: "10.244.4.0/24", address: "192.168.4.2" });
  await stopLab(other);
  expect(describeLeftovers(await findLeftovers(other))).toBeUndefined();
  const lab = await openLab(id);
  const [a, b] = [await addPod(lab, "n1", "a"), await addPod(lab, "n4", "b")];
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    const answers = async () =>
      (await execInPod(from, ["ping", "-c", "1", "-W", "1", to.address])).exitCode === 0;
    await waitUntil(answers, { what: `${to.name} answers ${from.name}`, timeoutMs: 60_000 });
  }
  await expect(run([process.execPath, ...nodeAdd, "n4"])).rejects.toThrow('has a node "n4" already');
  await stopLab(id);
  expect(describeLeftovers(await findLeftovers(id))).toBeUndefined();
});

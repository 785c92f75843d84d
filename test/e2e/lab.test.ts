import { spawn } from "node:child_process";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { labFolder } from "../lab/layout.ts";
import { describeLeftovers, findLeftovers } from "../lab/leftovers.ts";
import { startLab } from "../lab/start-lab.ts";
import { stopLab } from "../lab/stop-lab.ts";

const { LAB_TEST_RUN = "t" } = process.env;
const commandLine = join(import.meta.dirname, "..", "lab", "main.ts");

test.each([100, 300, 500, 800, 1500, 3000])(
  "a lab killed %i ms into its start is taken down whole",
  async (ms) => {
    const id = `${LAB_TEST_RUN}k${ms / 100}`;
    const child = spawn(process.execPath, [commandLine, "up", "--id", id], { stdio: "ignore" });
    const closed = new Promise((resolve) => child.once("close", resolve));
    await delay(ms);
    child.kill("SIGKILL");
    await closed;
    await stopLab(id);
    expect(describeLeftovers(await findLeftovers(id))).toBeUndefined();
  },
);

test("two labs run side by side and one goes without the other", async () => {
  const [one, two] = [`${LAB_TEST_RUN}x1`, `${LAB_TEST_RUN}x2`];
  const labs = await Promise.all([one, two].map((id) => startLab({ id, nodes: 1, tuning: "fast" })));
  expect(labs.map(({ folder }) => folder)).toEqual([labFolder(one), labFolder(two)]);
  await stopLab(one);
  expect(describeLeftovers(await findLeftovers(one))).toBeUndefined();
  const { processes, namespaces } = await findLeftovers(two);
  expect(namespaces.length).toBeGreaterThanOrEqual(2);
  expect(processes.length).toBeGreaterThanOrEqual(4);
  await stopLab(two);
});

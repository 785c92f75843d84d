import { randomBytes } from "node:crypto";
import { afterAll, beforeAll } from "vitest";
import type { Lab } from "../../lab/lab-types.ts";
import { type StartOptions, startLab } from "../../lab/start-lab.ts";
import { stopLab } from "../../lab/stop-lab.ts";

/**
 * A lab for all tests of a file: up before the first, down after the last. The returned function gives it to a test.
 * Its id begins with LAB_TEST_RUN, by which `npm test` finds what an interrupted run left.
 */
export function useLab(options: StartOptions): () => Lab {
  const { LAB_TEST_RUN = "t" } = process.env;
  const id = `${LAB_TEST_RUN}${randomBytes(2).toString("hex")}`;
  const holder: { lab?: Lab } = {};
  beforeAll(async () => {
    holder.lab = await startLab({ tuning: "fast", ...options, id });
  });
  afterAll(async () => {
    if (holder.lab !== undefined) await stopLab(id);
  });
  return () => {
    if (holder.lab === undefined) throw new Error("the lab is up only while tests run");
    return holder.lab;
  };
}

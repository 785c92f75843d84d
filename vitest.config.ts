import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/bootstrap/longest-first.ts";

/** Two kinds of tests: parts (with their own namespaces where they need the kernel), and the whole product in the lab. */
export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        // XState speaks up about mistakes only under this condition.
        ssr: { resolve: { conditions: ["development"] } },
        test: {
          name: "parts",
          include: ["test/**/*.test.ts"],
          exclude: ["test/e2e/**"],
          // Vitest leaves one processor alone otherwise.
          maxWorkers: "100%",
          // First. With the order 0 and one worker (one processor), vitest runs a project after all others.
          sequence: { groupOrder: 1 },
          // Many times what a test takes: a busy machine is no failure.
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "lab",
          include: ["test/e2e/**/*.test.ts"],
          // The tests in one file share a lab. They mostly wait, so that three labs fit side by side on two processors.
          maxWorkers: 3,
          sequence: { groupOrder: 2 },
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});

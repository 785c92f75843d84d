import { expect, test } from "vitest";
import { refuseOtherMode } from "../../src/programs/refuse-other-mode.ts";

const start = (mode: "daemon" | "host", left: { readonly ours?: boolean; readonly wireRuns?: boolean }) =>
  refuseOtherMode(
    { tailscale: { mode } } as Parameters<typeof refuseOtherMode>[0],
    { holdsOurs: async () => left.ours === true },
    left.wireRuns === true,
  );

test("what the node's own tailscaled has of ours, and a headcni-wire that runs, are taken back in their mode first", async () => {
  await expect(start("daemon", { ours: true })).rejects.toMatchObject({
    detail: { code: "OTHER_MODE_LEFT" },
    message: expect.stringContaining("set tailscale.mode: host again, run headcni --cleanup"),
  });
  await expect(start("host", { wireRuns: true })).rejects.toMatchObject({
    detail: { code: "OTHER_MODE_LEFT" },
    message: expect.stringContaining("set tailscale.mode: daemon again"),
  });
});

test("in its own mode both are as they should be", async () => {
  await start("host", { ours: true });
  await start("daemon", { wireRuns: true });
});

import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { addNetns, inNetns, removeNetns } from "../../lab/network/netns.ts";
import { run } from "../../lab/run-command.ts";
import type { AllowlistStep } from "./daemon-allowlist-process.ts";

const program = fileURLToPath(new URL("./daemon-allowlist-process.ts", import.meta.url));
let namespaces = 0;

/** A node's namespace, in which each `daemon` takes its steps and gives what it saw, line by line. */
async function node() {
  const netns = `hcd-${process.pid}-${namespaces}`;
  namespaces += 1;
  await addNetns(netns);
  onTestFinished(() => removeNetns(netns));
  return async (kept: "kept" | "none", ...steps: readonly AllowlistStep[]) => {
    const text = await run(inNetns(netns, [process.execPath, program, kept, JSON.stringify(steps)]));
    return text.split("\n").slice(0, -1);
  };
}

const apply = (...believed: readonly string[]) => ({ say: "apply", believed }) as const;
const [look, recall, reload] = [{ say: "look" }, { say: "recall" }, { say: "reload" }] as const;

test("what is believed stands by the carrier as it is, and follows it", async () => {
  const daemon = await node();
  const renamed = { say: "carrier", tunnel: "wan-tun" } as const;
  expect(await daemon("kept", look, apply("10.244.2.0/24"), look, renamed, reload, look)).toEqual([
    "none",
    "10.244.2.0/24 by tailscale0",
    "10.244.2.0/24 by wan-tun",
  ]);
});

test("a daemon continues with what an earlier one left in force", async () => {
  const daemon = await node();
  await daemon("kept", apply("10.244.2.0/24", "10.244.3.0/24"));
  expect(await daemon("kept", recall, reload, look)).toEqual([
    "10.244.2.0/24,10.244.3.0/24",
    "10.244.2.0/24,10.244.3.0/24 by tailscale0",
  ]);
});

test("before it has recalled that, and where there is none, it believes nobody", async () => {
  const daemon = await node();
  expect(await daemon("kept", recall, reload, look)).toEqual(["", " by tailscale0"]);
  await daemon("kept", apply("10.244.2.0/24"));
  expect(await daemon("kept", reload, look)).toEqual([" by tailscale0"]);
});

test("where none is kept, nothing is loaded or recalled", async () => {
  const daemon = await node();
  expect(await daemon("none", reload, look)).toEqual(["none"]);
  await daemon("kept", apply("10.244.2.0/24"));
  expect(await daemon("none", recall)).toEqual([""]);
});

test("a load by what the carrier was does not end after one by what it is", async () => {
  const daemon = await node();
  expect(await daemon("kept", apply("10.244.2.0/24"), { say: "overtaken", now: "wan-tun" }, look)).toEqual([
    "10.244.2.0/24 by wan-tun",
  ]);
});

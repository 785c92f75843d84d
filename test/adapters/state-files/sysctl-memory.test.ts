import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { sysctlMemory } from "../../../src/adapters/state-files/sysctl-memory.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "headcni-memory-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("the first values survive a restart and any later remembering", async () => {
  const path = join(folder, "run", "sysctls.json");
  await sysctlMemory(path).remember({ "net/ipv4/ip_forward": "0" });
  await sysctlMemory(path).remember({ "net/ipv4/ip_forward": "1" });
  expect(await sysctlMemory(path).recall()).toEqual({ "net/ipv4/ip_forward": "0" });
  expect(await readdir(join(folder, "run"))).toEqual(["sysctls.json"]);
});

test("values of other names come behind what was remembered, none of a set that was in part", async () => {
  const memory = sysctlMemory(join(folder, "sysctls.json"));
  await memory.remember({ "net/ipv4/ip_forward": "0", "net/ipv4/conf/eth0/forwarding": "0" });
  await memory.remember({ "net/ipv6/conf/all/forwarding": "0" });
  await memory.remember({ "net/ipv4/ip_forward": "1", "net/ipv4/conf/eth1/forwarding": "1" });
  expect(Object.entries(await memory.recall())).toEqual([
    ["net/ipv4/ip_forward", "0"],
    ["net/ipv4/conf/eth0/forwarding", "0"],
    ["net/ipv6/conf/all/forwarding", "0"],
  ]);
});

test("nothing remembered is nothing recalled, and forgetting twice is fine", async () => {
  const memory = sysctlMemory(join(folder, "none.json"));
  expect(await memory.recall()).toEqual({});
  await memory.forget();
  await memory.forget();
});

test("a file that is no memory is refused, not overwritten", async () => {
  const path = join(folder, "broken.json");
  await writeFile(path, "[1, 2");
  await expect(sysctlMemory(path).remember({ a: "1" })).rejects.toThrow();
});

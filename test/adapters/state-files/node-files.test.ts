import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { sandboxUsers } from "../../../src/adapters/kubernetes/sandbox-users.ts";
import { createPrefixMemory } from "../../../src/adapters/state-files/prefix-memory-file.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const { signal } = new AbortController();

const podCidrMemory = (path: string, nodeName = "n1") =>
  createPrefixMemory({ path, nodeName, key: "podCIDRs" });

describe("the memory of prefixes", () => {
  it("lasts, for the node of this name", async () => {
    const path = join(temporaryDirectory(), "state", "node.json");
    const memory = (nodeName: string) => podCidrMemory(path, nodeName);
    expect(await memory("n1").recall()).toEqual([]);
    await memory("n1").remember(["10.244.1.0/24", "fd00:1::/64"], signal);
    expect(await memory("n1").recall()).toEqual(["10.244.1.0/24", "fd00:1::/64"]);
    expect(await memory("n2").recall()).toEqual([]);
  });

  it("is of pods or of Services", async () => {
    const path = join(temporaryDirectory(), "prefixes.json");
    const services = createPrefixMemory({ path, nodeName: "n1", key: "serviceCIDRs" });
    await services.remember(["10.97.0.0/24"], signal);
    expect(await services.recall()).toEqual(["10.97.0.0/24"]);
    expect(await podCidrMemory(path).recall()).toEqual([]);
    await services.remember([], signal);
    expect(await services.recall()).toEqual([]);
  });

  it.each(["", "{", "[]", '{"nodeName":"n1","podCIDRs":["x"]}', '{"nodeName":"n1","podCIDRs":7}'])(
    "counts as none when the file holds %j",
    async (content) => {
      const path = join(temporaryDirectory(), "node.json");
      writeFileSync(path, content);
      expect(await podCidrMemory(path).recall()).toEqual([]);
    },
  );

  it("that cannot be written says so", async () => {
    const folder = temporaryDirectory();
    writeFileSync(join(folder, "state"), "a file");
    const memory = podCidrMemory(join(folder, "state", "node.json"));
    await expect(memory.remember(["10.244.1.0/24"], signal)).rejects.toMatchObject({
      detail: { code: "NOT_WRITTEN" },
    });
  });
});

describe("the processes of a sandbox", () => {
  const containerId = "4f1d".repeat(16);
  const podUid = "0f6b1d7e-58a1-4f5c-9d0a-1c2d3e4f5a6b";
  const own = "0::/system.slice/headcni.service\n";
  const systemd = `0::/kubepods.slice/kubepods-pod${podUid.replaceAll("-", "_")}.slice/cri-containerd-aa.scope\n`;

  function proc(cgroups: readonly string[]) {
    const folder = temporaryDirectory();
    for (const [index, cgroup] of [own, ...cgroups].entries()) {
      const process = join(folder, index === 0 ? "self" : String(index));
      mkdirSync(process);
      writeFileSync(join(process, "cgroup"), cgroup);
    }
    mkdirSync(join(folder, "99"));
    return sandboxUsers(folder);
  }

  it.each([
    ["by the sandbox's id", ["0::/init.scope\n", `0::/kubepods/podx/${containerId}\n`], "some"],
    ["by the pod's UID, as systemd writes it", ["0::/init.scope\n", systemd], "some"],
    ["by the pod's UID, as cgroupfs writes it", [`9:pids:/kubepods/pod${podUid}/bb\n`, own], "some"],
    ["are none when others are seen, but not theirs", ["0::/init.scope\n", own], "none"],
    ["are unknown when only our own processes are seen", [own, own], "unknown"],
  ])("%s", async (_, cgroups, found) => {
    expect(await proc(cgroups).find({ containerId, podUid })).toBe(found);
  });
});

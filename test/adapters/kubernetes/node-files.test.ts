import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createNodeMemory } from "../../../src/adapters/kubernetes/node-memory-file.ts";
import { sandboxUsers } from "../../../src/adapters/kubernetes/sandbox-users.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const { signal } = new AbortController();

describe("the memory of a node's pod CIDRs", () => {
  it("lasts, for the node of this name", async () => {
    const path = join(temporaryDirectory(), "state", "node.json");
    const memory = (nodeName: string) => createNodeMemory({ path, nodeName });
    expect(await memory("n1").recall()).toEqual([]);
    await memory("n1").remember(["10.244.1.0/24", "fd00:1::/64"], signal);
    expect(await memory("n1").recall()).toEqual(["10.244.1.0/24", "fd00:1::/64"]);
    expect(await memory("n2").recall()).toEqual([]);
  });

  it.each(["", "{", "[]", '{"nodeName":"n1","podCIDRs":["x"]}', '{"nodeName":"n1","podCIDRs":7}'])(
    "counts as none when the file holds %j",
    async (content) => {
      const path = join(temporaryDirectory(), "node.json");
      writeFileSync(path, content);
      expect(await createNodeMemory({ path, nodeName: "n1" }).recall()).toEqual([]);
    },
  );

  it("that cannot be written says so", async () => {
    const folder = temporaryDirectory();
    writeFileSync(join(folder, "state"), "a file");
    const memory = createNodeMemory({ path: join(folder, "state", "node.json"), nodeName: "n1" });
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

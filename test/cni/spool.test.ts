import { describe, expect, it } from "vitest";
import { answerCall } from "../../cni/call.ts";
import { isSpoolFileName, spoolFileName } from "../../src/protocol/runtime-files.ts";
import { type FileOperation, fakePlatform } from "./fake-platform.ts";

const env = { CNI_COMMAND: "DEL", CNI_CONTAINERID: "c1", CNI_IFNAME: "eth0" };
const text = '{"cniVersion":"1.0.0","name":"headcni","socketPath":"/run/x/cni.sock"}';
const input = { ok: true, text } as const;
const spoolFile = "/run/x/deleted/c1:eth0";

describe("a DEL without a daemon", () => {
  it("is kept under the name of its key, beside the socket", () => {
    const platform = fakePlatform({ env, input });
    expect(answerCall(platform)).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    expect([...platform.files.keys()]).toEqual([spoolFile]);
    expect(JSON.parse(platform.files.get(spoolFile) ?? "")).toMatchObject({
      command: "DEL",
      containerId: "c1",
    });
  });

  it("leaves nothing in the spool when the daemon is back at the second try", () => {
    const platform = fakePlatform({ env, input });
    platform.daemonFrom(1, { kind: "replies", reply: { wire: 1, ok: true } });
    expect(answerCall(platform).exitCode).toBe(0);
    expect([...platform.files]).toEqual([]);
    expect(platform.requests).toHaveLength(1);
  });

  it("fails, and leaves nothing in the spool, when the daemon is back and refuses it", () => {
    const platform = fakePlatform({ env, input });
    const error = { code: 5, msg: "netlink is broken", details: "" } as const;
    platform.daemonFrom(1, { kind: "replies", reply: { wire: 1, ok: false, error } });
    expect(JSON.parse(answerCall(platform).stdout)).toMatchObject({ code: 5, msg: "netlink is broken" });
    expect([...platform.files]).toEqual([]);
  });

  it("stays on record when the daemon is back and hangs", () => {
    const platform = fakePlatform({ env, input });
    platform.daemonFrom(1, { kind: "hangs" });
    expect(answerCall(platform).exitCode).toBe(0);
    expect([...platform.files.keys()]).toEqual([spoolFile]);
    expect(platform.nowMs()).toBe(10_000);
  });

  it.each<FileOperation>(["ensureDirectory", "createFile", "rename"])(
    "fails with code 5 when %s fails, and leaves no half-written file",
    (operation) => {
      const platform = fakePlatform({ env, input });
      platform.fail(operation, "No space left on device");
      const error = JSON.parse(answerCall(platform).stdout);
      expect(error).toMatchObject({ code: 5, msg: expect.stringContaining("No space left on device") });
      expect(error.msg).toContain(spoolFile);
      expect([...platform.files]).toEqual([]);
    },
  );

  it("succeeds without a spool when the daemon is back", () => {
    const platform = fakePlatform({ env, input });
    platform.fail("createFile", "No space left on device");
    platform.daemonFrom(1, { kind: "replies", reply: { wire: 1, ok: true } });
    expect(answerCall(platform).exitCode).toBe(0);
  });
});

describe("the name of a spool file", () => {
  it("differs for keys that differ, also where long ids are cut", () => {
    const long = "c".repeat(400);
    const keys = [
      ["c1", "eth0"],
      ["c1", "eth1"],
      ["c2", "eth0"],
      [long, "eth0"],
      [`${long}d`, "eth0"],
      [`${"c".repeat(150)}`, "eth0"],
    ] as const;
    const names = keys.map(([id, ifname]) => spoolFileName(id, ifname));
    expect(new Set(names).size).toBe(keys.length);
    for (const name of names) {
      expect(name.length).toBeLessThanOrEqual(255);
      expect(isSpoolFileName(name)).toBe(true);
    }
  });

  it("is not one while the file is being written", () => {
    expect(isSpoolFileName(".4711.12")).toBe(false);
  });
});

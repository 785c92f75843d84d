import { describe, expect, it } from "vitest";
import { answerCall } from "../../cni/call.ts";
import { callVectors } from "./call-vectors.ts";
import { expectVector, stdinOf } from "./expect-vector.ts";
import { fakePlatform } from "./fake-platform.ts";
import { netnsKinds } from "./vector-parts.ts";

const netns = "/run/netns/pod";
const socketPath = "/run/headcni-test/cni.sock";
const kinds = { ...netnsKinds, [netns]: "usable" } as const;
const running = { kind: "closes" } as const;
const env = { CNI_COMMAND: "ADD", CNI_CONTAINERID: "c1", CNI_NETNS: netns, CNI_IFNAME: "eth0" };
const input = {
  ok: true,
  text: JSON.stringify({ cniVersion: "1.0.0", name: "headcni", socketPath }),
} as const;
const result = { cniVersion: "1.1.0", interfaces: [], ips: [], routes: [], dns: {} } as const;
const added = { kind: "replies", reply: { wire: 1, ok: true, result } } as const;

describe("a CNI call", () => {
  it.each(callVectors(netns))("$title", (vector) => {
    const text = stdinOf(vector, socketPath);
    const platform = fakePlatform({
      env: vector.env,
      input: { ok: true, text },
      daemon: vector.daemon ?? running,
      netns: kinds,
    });
    const outcome = answerCall(platform);
    const { requests, files: spool } = platform;
    expectVector(vector, { ...outcome, requests, spool, connections: platform.exchanges() });
  });

  it("without CNI_COMMAND tells a person what this is and succeeds", () => {
    const outcome = answerCall(fakePlatform({}));
    expect(outcome).toEqual({ exitCode: 0, stdout: "", stderr: expect.stringContaining("1.0.0, 1.1.0") });
  });

  it("uses the daemon's usual socket when the configuration names none", () => {
    const config = { ok: true, text: '{"cniVersion":"1.0.0","name":"headcni"}' } as const;
    const { stdout } = answerCall(fakePlatform({ env, input: config, netns: kinds }));
    expect(JSON.parse(stdout).msg).toContain("/run/headcni/cni.sock");
  });
});

describe("an ADD", () => {
  it("waits 5 s for a daemon that is not there, then is code 11", () => {
    const platform = fakePlatform({ env, input, netns: kinds });
    expect(JSON.parse(answerCall(platform).stdout).code).toBe(11);
    expect(platform.nowMs()).toBeGreaterThan(4_900);
    expect(platform.nowMs()).toBeLessThanOrEqual(5_000);
  });

  it("succeeds when the daemon comes up meanwhile", () => {
    const platform = fakePlatform({ env, input, netns: kinds });
    platform.daemonFrom(40, added);
    expect(answerCall(platform).exitCode).toBe(0);
    expect(platform.requests).toHaveLength(1);
  });

  it("is sent again when the daemon dies before it answers", () => {
    const platform = fakePlatform({ env, input, netns: kinds, daemon: { kind: "closes" } });
    platform.daemonFrom(1, { kind: "away" });
    platform.daemonFrom(3, added);
    expect(answerCall(platform).exitCode).toBe(0);
    expect(platform.requests).toHaveLength(2);
  });

  it("ends at its deadline when the daemon returns only to hang", () => {
    const platform = fakePlatform({ env, input, netns: kinds });
    platform.daemonFrom(100, { kind: "hangs" });
    expect(JSON.parse(answerCall(platform).stdout).code).toBe(11);
    expect(platform.nowMs()).toBe(10_000);
  });
});

describe("the deadline", () => {
  it.each([{ kind: "hangs" }, { kind: "away" }] as const)(
    "counts the time that stdin takes: daemon $kind",
    (daemon) => {
      const platform = fakePlatform({ env, input, netns: kinds, daemon, inputTakesMs: 9_000 });
      expect(JSON.parse(answerCall(platform).stdout)).toMatchObject({ code: 11 });
      expect(platform.nowMs()).toBeGreaterThan(9_900);
      expect(platform.nowMs()).toBeLessThanOrEqual(10_000);
    },
  );
});

describe("a call that the daemon does not answer", () => {
  const hanging = { kind: "hangs" } as const;
  const prevResult = result;
  const config = {
    cniVersion: "1.1.0",
    name: "headcni",
    socketPath,
    prevResult,
    "cni.dev/valid-attachments": [],
  };
  it.each([
    { command: "ADD", code: 11, deadline: 10_000 },
    { command: "DEL", code: 11, deadline: 10_000 },
    { command: "CHECK", code: 11, deadline: 5_000 },
    { command: "GC", code: 11, deadline: 30_000 },
    { command: "STATUS", code: 50, deadline: 2_000 },
  ])("$command is code $code after $deadline ms", ({ command, code, deadline }) => {
    const text = JSON.stringify(config);
    const variables = { ...env, CNI_COMMAND: command, CNI_PATH: "/opt/cni/bin" };
    const platform = fakePlatform({
      env: variables,
      input: { ok: true, text },
      netns: kinds,
      daemon: hanging,
    });
    const { stdout, exitCode } = answerCall(platform);
    expect(JSON.parse(stdout)).toMatchObject({ code, msg: expect.stringContaining(`${deadline / 1000} s`) });
    expect(exitCode).toBe(1);
    expect(platform.nowMs()).toBe(deadline);
    expect([...platform.files]).toEqual([]);
  });
});

describe("stdin", () => {
  it.each([
    { fault: "late", command: "ADD", code: 11 },
    { fault: "late", command: "STATUS", code: 50 },
    { fault: "oversized", command: "ADD", code: 6 },
    { fault: "failed", command: "ADD", code: 5 },
  ] as const)("that is $fault makes $command code $code", ({ fault, command, code }) => {
    const broken = { ok: false, fault, reason: "because" } as const;
    const platform = fakePlatform({ env: { ...env, CNI_COMMAND: command }, input: broken, netns: kinds });
    const error = JSON.parse(answerCall(platform).stdout);
    expect(error).toMatchObject({ code, cniVersion: "1.1.0", msg: expect.stringContaining("because") });
    expect(platform.exchanges()).toBe(0);
  });

  it("that cannot be sent on in one frame is code 6", () => {
    const attachments = Array.from({ length: 20_000 }, (_, index) => ({
      containerID: `${"c".repeat(30)}${index}`,
      ifname: "eth0",
    }));
    const gc = { cniVersion: "1.1.0", name: "headcni", socketPath, "cni.dev/valid-attachments": attachments };
    const platform = fakePlatform({
      env: { CNI_COMMAND: "GC", CNI_PATH: "/opt/cni/bin" },
      input: { ok: true, text: JSON.stringify(gc) },
      daemon: running,
    });
    expect(JSON.parse(answerCall(platform).stdout)).toMatchObject({ code: 6 });
    expect(platform.exchanges()).toBe(0);
  });
});

import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { answerCall } from "../../cni/call.ts";
import { noNamespaces } from "../support/architecture-under-test.ts";
import { arbitraryEnvironment, arbitraryInput, arbitraryReplyLine } from "./arbitrary-call.ts";
import { fakePlatform } from "./fake-platform.ts";
import { runStub, startDaemon, stubUnderTest } from "./real-stub.ts";
import { netnsKinds, places } from "./vector-parts.ts";

const namespace = `hcelfp${process.pid}`;
const netns = `/run/netns/${namespace}`;
let stub = "";

beforeAll(async () => {
  stub = await stubUnderTest();
  execFileSync("ip", ["netns", "add", namespace]);
}, 300_000);
afterAll(() => {
  execFileSync("ip", ["netns", "del", namespace]);
});

describe("the ELF", () => {
  it("answers any call as the same core does under Node", { timeout: 120_000 }, async () => {
    const known = { ...netnsKinds, [netns]: "usable", "/": "notNamespace" } as const;
    const unknown = { ...known, [netns]: "notNamespace", [places.own]: "notNamespace" } as const;
    const kinds = noNamespaces === undefined ? known : unknown;
    const call = fc.tuple(arbitraryEnvironment(netns), arbitraryInput("/SOCKET"), arbitraryReplyLine);
    const property = fc.asyncProperty(call, async ([env, template, line]) => {
      const script = { kind: "sends", bytes: `${line}\n` } as const;
      await using daemon = await startDaemon(script);
      const text = template.replace("/SOCKET", daemon.socketPath);
      const platform = fakePlatform({ env, input: { ok: true, text }, daemon: script, netns: kinds });
      const { stdout, stderr, exitCode } = answerCall(platform);
      expect(await runStub(stub, env, text)).toMatchObject({ stdout, stderr, exitCode });
    });
    await fc.assert(property, { numRuns: 250 });
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { answerCall } from "../../cni/call.ts";
import { parseEnvironment } from "../../cni/environment.ts";
import { decodeConfig, parseNetworkConfig } from "../../cni/network-config.ts";
import type { Outcome } from "../../cni/result.ts";
import { cniOperations, supportedCniVersions } from "../../src/protocol/cni-protocol.ts";
import { arbitraryEnvironment, arbitraryInput, arbitraryReplyLine } from "./arbitrary-call.ts";
import { fakePlatform } from "./fake-platform.ts";

const netns = "/run/netns/pod";
const socketPath = "/run/x/cni.sock";
/** CNI specification 1.1.0, section 5 "Error". */
const codesOfTheSpecification = [1, 2, 3, 4, 5, 6, 7, 11, 50, 51];

/** Fails unless the outcome is one that a runtime can read: exit 0, or exit 1 and a whole error object. */
function expectReadable({ exitCode, stdout }: Outcome): void {
  if (exitCode === 0) {
    if (stdout !== "") expect(JSON.parse(stdout)).toHaveProperty("cniVersion");
    return;
  }
  const error = JSON.parse(stdout);
  expect(codesOfTheSpecification).toContain(error.code);
  expect(supportedCniVersions).toContain(error.cniVersion);
  expect(error.msg).not.toBe("");
  expect(typeof error.details).toBe("string");
}

describe("any call", () => {
  it("ends in success or in an error object with a code of the specification", () => {
    const call = fc.tuple(arbitraryEnvironment(netns), arbitraryInput(socketPath), arbitraryReplyLine);
    fc.assert(
      fc.property(call, ([env, text, line]) => {
        const input = { ok: true, text } as const;
        const daemon = { kind: "sends", bytes: `${line}\n` } as const;
        const platform = fakePlatform({ env, input, daemon, netns: { [netns]: "usable" } });
        expectReadable(answerCall(platform));
        // What the stub lets through, the daemon's schema takes; it alone judges the shape of prevResult.
        if (!text.includes("prevResult")) expect(platform.requests).toHaveLength(platform.exchanges());
      }),
      { numRuns: 2_000 },
    );
  });

  it("without a daemon still ends so, and a DEL is lost by nobody", () => {
    const call = fc.tuple(arbitraryEnvironment(netns), arbitraryInput(socketPath));
    fc.assert(
      fc.property(call, ([env, text]) => {
        const platform = fakePlatform({ env, input: { ok: true, text }, netns: { [netns]: "usable" } });
        const outcome = answerCall(platform);
        expectReadable(outcome);
        const { CNI_COMMAND: command } = env;
        if (command === "DEL" && outcome.exitCode === 0) expect(platform.files.size).toBe(1);
        else expect(platform.files.size).toBe(0);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("the environment", () => {
  it("is a call or code 4", () => {
    fc.assert(
      fc.property(arbitraryEnvironment(netns), (env) => {
        const environment = parseEnvironment((name) => env[name]);
        if (!environment.ok) expect(environment.failure.code).toBe(4);
      }),
    );
  });

  it("means the same in whatever order CNI_ARGS comes", () => {
    const pairs = [
      "IgnoreUnknown=1",
      "K8S_POD_NAMESPACE=ns",
      "K8S_POD_NAME=web",
      "K8S_POD_UID=u-1",
      "OTHER=;",
    ];
    fc.assert(
      fc.property(fc.shuffledSubarray(pairs, { minLength: pairs.length }), (shuffled) => {
        const env = {
          CNI_COMMAND: "DEL",
          CNI_CONTAINERID: "c",
          CNI_IFNAME: "e",
          CNI_ARGS: shuffled.join(";"),
        };
        const environment = parseEnvironment((name) => env[name as keyof typeof env]);
        expect(environment).toMatchObject({ value: { pod: { namespace: "ns", name: "web", uid: "u-1" } } });
      }),
    );
  });
});

describe("the network configuration", () => {
  it("is one, or code 1, 6 or 7", () => {
    fc.assert(
      fc.property(arbitraryInput(socketPath), fc.constantFrom(...cniOperations), (text, command) => {
        const decoded = decodeConfig(text);
        const config = decoded.ok ? parseNetworkConfig(decoded.value, command) : decoded;
        if (!config.ok) expect([1, 6, 7]).toContain(config.failure.code);
      }),
    );
  });
});

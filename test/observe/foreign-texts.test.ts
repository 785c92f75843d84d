import fc from "fast-check";
import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { readBusLine } from "../../src/adapters/tailscale/ipn-bus.ts";
import { readStatus } from "../../src/adapters/tailscale/read-status.ts";
import { TailscaleError } from "../../src/adapters/tailscale/tailscale-error.ts";
import { toFailure } from "../../src/domain/failure.ts";
import { createLogger } from "../../src/observe/logs/logger.ts";
import { registerLiveMetrics } from "../../src/observe/metrics/live-metrics.ts";
import { createNewsMetrics } from "../../src/observe/metrics/news-metrics.ts";
import { jsonAnswer } from "../../src/observe/pages/http-routes.ts";
import { quoted } from "../../src/protocol/parsed.ts";
import { parseRequest } from "../../src/protocol/request-schema.ts";
import { actsOnTerminal } from "../support/acts-on-terminal.ts";
import { cniRequest } from "../support/cni-requests.ts";
import { foreignText } from "../support/foreign-text.ts";

const holds = (property: (text: string) => void | Promise<void>) =>
  fc.assert(
    fc.asyncProperty(foreignText, async (text) => {
      await property(text);
    }),
  );

test("a peer names itself: the status and the label have no control character of it", () =>
  holds(async (name) => {
    const peer = { ID: "2", HostName: name, Online: true };
    const { status } = readStatus(
      JSON.stringify({ BackendState: "Running", Self: { ID: "1", HostName: name }, Peer: { k: peer } }),
    );
    for (const { hostName } of [status.self, ...status.peers]) {
      expect(actsOnTerminal(hostName)).toBe(false);
      expect(hostName).not.toContain("\n");
    }
    const registry = new Registry();
    registerLiveMetrics(registry, {
      pools: () => [],
      routes: () => [],
      strangers: () => 0,
      nodeAddressPublished: () => undefined,
      policies: () => undefined,
      guardRepairs: () => [],
      readiness: () => ({ serving: true, state: "proven", reasons: [] }),
      peerPaths: () => status.peers.map(({ hostName }) => ({ peer: hostName, path: "none" })),
    });
    const text = await registry.metrics();
    expect(text).toContain('path="none"} 1');
    expect(actsOnTerminal(text)).toBe(false);
  }));

test("a runtime names a pod: the request and the label have no control character of it", () =>
  holds(async (name) => {
    const pod = { namespace: name, name, uid: name };
    const parsed = parseRequest(cniRequest("ADD", "c1", { pod }));
    if (!parsed.ok) throw new Error("an ADD is refused for its pod's names");
    for (const value of Object.values(parsed.value.pod)) expect(actsOnTerminal(value)).toBe(false);
    const registry = new Registry();
    const count = createNewsMetrics(registry, { strategy: "sequential", podNames: true });
    count({ type: "call.received", callId: "1", request: parsed.value });
    count({ type: "call.answered", callId: "1", reply: { wire: 1, ok: true } });
    expect(actsOnTerminal(await registry.metrics())).toBe(false);
  }));

test("an error quotes a program, a bus message, a wrong value", () =>
  holds((text) => {
    const errors = [new Error(text), new TailscaleError(text, { code: "UNREACHABLE", reason: text }), text];
    for (const error of errors) expect(actsOnTerminal(toFailure(error).message)).toBe(false);
    expect(actsOnTerminal(readBusLine(JSON.stringify({ ErrMessage: text }))?.errorText ?? "")).toBe(false);
    expect(actsOnTerminal(quoted(text))).toBe(false);
    const refused = parseRequest({ ...cniRequest("ADD", "c1"), network: `-${text}` });
    expect(actsOnTerminal(JSON.stringify(refused))).toBe(false);
  }));

test("a log line and a page say what was written, without its control characters", () =>
  holds((text) => {
    const lines: string[] = [];
    const { log } = createLogger({
      level: "info",
      base: {},
      destination: { write: (line) => lines.push(line) },
    });
    log.info({ [text]: text, err: new Error(text), netns: [text] }, text);
    const [line = ""] = lines;
    expect(actsOnTerminal(line)).toBe(false);
    expect(line.trimEnd()).not.toContain("\n");
    expect(JSON.parse(line)).toMatchObject({ netns: [text], msg: text });
    const { body } = jsonAnswer(200, { [text]: [text] });
    expect(actsOnTerminal(String(body))).toBe(false);
    expect(JSON.parse(String(body))).toEqual({ [text]: [text] });
  }));

import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { CliError } from "../../src/cli/cli-error.ts";
import type { CliCommand } from "../../src/cli/command.ts";
import { actsOnTerminal } from "../support/acts-on-terminal.ts";
import { foreignText, hostile } from "../support/foreign-text.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { runWords } from "./run-words.ts";

const text = hostile;
const status = {
  ...{ node: text, version: text, pid: 1, startedAt: 0, podCIDRs: [text] },
  readiness: { serving: true, state: text, reasons: [text] },
  pools: [{ prefix: text, size: 1, used: 1, resting: 0 }],
  attachments: [{ key: text, podUid: text, state: text, addresses: [text], hostLink: text }],
  headscale: { url: text, approval: text, state: text, connected: false, failure: text },
  tailscale: {
    ...{ state: text, needsLogin: false, backendState: "Running", loginError: "", fresh: true },
    self: { hostName: text, online: true, addresses: [text] },
  },
  routes: [{ prefix: text, kind: "peer", state: text, host: text, culprit: text }],
  peers: [
    { name: text, online: false, addresses: [text], routes: [text], path: text, endpoint: text, relay: text },
  ],
  guard: { state: text, repairs: { [text]: 1 }, lastRepairAt: null },
  kubernetes: { enabled: true, nodeState: text, clusterNodesState: text, podWatchState: text },
};
const machine = {
  ...{ machine: text, actor: text, parent: null, subject: text, state: text, sinceMs: 1, limitMs: null },
  ...{ stuck: true, error: text, lastTransitions: [] },
};
const call = {
  ...{
    id: text,
    command: text,
    containerId: text,
    ifname: text,
    netns: text,
    traceparent: text,
    startedAt: 0,
    ms: 1,
  },
  ...{ pod: { namespace: text, name: text, uid: text }, outcome: "failed", addresses: [text], dropped: 0 },
  error: { code: 11, msg: text, details: text },
  steps: [{ kind: "wait", atMs: 0, ms: 1, why: text }],
};
const pages: Readonly<Record<string, unknown>> = {
  "/debug/status": status,
  "/debug/machines": { machines: [machine], recentTransitions: [] },
  "/debug/trace": { calls: [call] },
  "/debug/logs": {
    first: 0,
    entries: [
      { level: "warn", time: "2026-01-01T00:00:00.000Z", msg: text, [text]: text, err: { stack: text } },
    ],
  },
};

/** A daemon that lets every foreign text through, as one of an earlier release does. */
async function startOpenDaemon(): Promise<string> {
  const socket = join(temporaryDirectory(), "http.sock");
  const server = createServer(({ url }, response) => {
    const path = new URL(url ?? "", "http://localhost").pathname;
    response.end(
      path === "/metrics"
        ? `# TYPE m gauge\nm{peer="${text.replace(/[\n\r\u2028]/g, "")}"} 1\n`
        : JSON.stringify(pages[path]),
    );
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return socket;
}

/** Our own paint is all that a terminal may be told. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: what styleText writes
const ownPaint = /\u001b\[(?:1|2|22|3[1-9])m/g;

test.each(["status", "status --peers", "machines", "trace", "logs", "metrics"])(
  "%s shows what a daemon lets through without what moves the cursor, as text and as JSON",
  async (words) => {
    const socket = await startOpenDaemon();
    const given = [...words.split(" "), "--socket", socket];
    const plain = await runWords(given);
    expect(plain.stderr).toBe("");
    expect(plain.stdout).toContain("\\u001b[2J");
    expect(actsOnTerminal(plain.stdout)).toBe(false);
    const painted = await runWords(given, { terminal: 100 });
    expect(actsOnTerminal(painted.stdout.replaceAll(ownPaint, ""))).toBe(false);
    const json = await runWords([...given, "-o", "json"]);
    expect(actsOnTerminal(json.stdout)).toBe(false);
    expect(JSON.stringify(JSON.parse(json.stdout))).toContain("\\u001b[2J");
  },
);

test("a log file is followed and read without them", async () => {
  const file = join(temporaryDirectory(), "tailscaled.log");
  await writeFile(file, `${text.replaceAll("\n", "")}\n${JSON.stringify({ msg: text, peer: text })}\n`);
  for (const words of [
    ["logs", "--file", file],
    ["logs", "--file", file, "-o", "json"],
  ]) {
    const { stdout } = await runWords(words);
    expect(stdout).toContain("u009b31m");
    expect(actsOnTerminal(stdout)).toBe(false);
  }
  const stopped = new AbortController();
  const followed = await runWords(["logs", "-f", "--file", file], {
    signal: stopped.signal,
    heard: () => stopped.abort(),
  });
  expect(actsOnTerminal(followed.stdout)).toBe(false);
});

test("an error and a step of progress show them written out", async () => {
  await fc.assert(
    fc.asyncProperty(foreignText, async (said) => {
      const command: CliCommand = {
        name: "fail",
        summary: "fails",
        run: () => Promise.reject(new CliError("FAILED", said)),
      };
      for (const words of [["fail"], ["fail", "-o", "json"]]) {
        const { stdout, stderr } = await runWords(words, { commands: [command] });
        expect(stderr).toContain("headcnictl: ");
        expect(actsOnTerminal(stdout + stderr)).toBe(false);
      }
    }),
    { numRuns: 30 },
  );
});

import { writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import type {
  FeedBaseline,
  FeedDetails,
  WireRecording,
} from "../../../src/observe/inspector/feed-messages.ts";
import { began, recordedSystem } from "../../observe/recorder/recorded-system.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { runWords } from "../run-words.ts";

/** A recording in which a child went from idle to working. */
function saved(): string {
  const { clock, spawn, tell, page } = recordedSystem();
  spawn("a");
  clock.now = 1000;
  tell("a", "go");
  const file = join(temporaryDirectory(), "recording.json");
  writeFileSync(file, page());
  return file;
}

/** Runs the command while `look` looks. */
async function replayed(look: (url: string) => Promise<void>): Promise<void> {
  const stopped = new AbortController();
  const told = Promise.withResolvers<string>();
  const running = runWords(["replay", saved(), "-o", "json"], {
    signal: stopped.signal,
    heard: told.resolve,
  });
  const { kind, url, node, from } = JSON.parse(
    await Promise.race([told.promise, running.then(({ stderr }) => stderr)]),
  );
  expect({ kind, node, from }).toEqual({ kind: "Replay", node: "n1", from: began });
  await look(url);
  stopped.abort();
  expect((await running).exitCode).toBe(0);
  await expect(fetch(url)).rejects.toThrow();
}

test("replay serves the inspector's page over the recording until Ctrl-C", async () => {
  await replayed(async (url) => {
    expect(await (await fetch(url)).text()).toContain("<title>HeadCNI inspector</title>");
    const reader = (await fetch(`${url}/stream`)).body?.pipeThrough(new TextDecoderStream()).getReader();
    const frame = (await reader?.read())?.value ?? "";
    await reader?.cancel();
    const span = JSON.parse(frame.replace(/^data: /, "")) as WireRecording;
    expect(span).toMatchObject({ type: "recording", daemon: { node: "n1" }, from: began });
    const moment = async (query: string) =>
      (await (await fetch(`${url}/moment?${query}`)).json()) as FeedBaseline;
    expect((await moment(`at=${began + 999}`)).actors).toMatchObject([
      { actor: "daemon" },
      { state: "idle" },
    ]);
    const last = await moment(`seq=${span.lastSeq}`);
    expect(last.actors).toMatchObject([{ actor: "daemon" }, { state: "working" }]);
    const key = last.actors[1]?.key ?? "";
    const details = await (await fetch(`${url}/actor?key=${key}&seq=${span.lastSeq}`)).json();
    expect(details as FeedDetails).toEqual({
      key,
      effects: [],
      transitions: [
        { at: began, from: "", to: "idle", event: "xstate.init" },
        { at: began + 1000, from: "idle", to: "passing", event: "go" },
        { at: began + 1000, from: "passing", to: "working", event: "go" },
      ],
    });
    for (const query of ["", "at=x", "seq=-1", "at=1e9"])
      expect((await fetch(`${url}/moment?${query}`)).status).toBe(400);
    expect((await fetch(new URL("/", url))).status).toBe(404);
  });
});

test("a page of another origin, or one that names this machine otherwise, reads nothing", async () => {
  await replayed(async (url) => {
    for (const headers of [
      { origin: "http://example.org" },
      { host: "example.org" },
      { "sec-fetch-site": "cross-site" },
    ]) {
      const asked = request(`${url}/stream`, { headers });
      const { promise, resolve } = Promise.withResolvers<string>();
      asked.on(
        "response",
        (response) => void text(response).then((body) => resolve(`${response.statusCode} ${body}`)),
      );
      asked.end();
      expect(await promise).toMatch(/^403 /);
    }
  });
});

test.each([
  [["replay"], 2, "missing required argument 'file'"],
  [["replay", "/nowhere/x.tar.gz"], 2, "/nowhere/x.tar.gz: there is no such file"],
  [["replay", "x", "--all-nodes"], 2, "name it with --node NAME"],
  [["replay", "x", "--port=x"], 2, "--port must be a whole number"],
])("%j is refused", async (words, exitCode, message) => {
  expect(await runWords(words)).toMatchObject({
    exitCode,
    stderr: expect.stringContaining(message) as string,
  });
});

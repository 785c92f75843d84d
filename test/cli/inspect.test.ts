import { createServer } from "node:http";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { runWords } from "./run-words.ts";

/** A daemon's socket that knows the page, or does not. */
async function startDaemonSocket(status: number): Promise<string> {
  const socket = join(temporaryDirectory(), "http.sock");
  const server = createServer((request, response) => {
    response
      .writeHead(status, { "content-type": "text/html" })
      .end(`page ${request.url} of ${request.headers.host}`);
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return socket;
}

test("inspect leads a browser to the daemon's socket until Ctrl-C", async () => {
  const socket = await startDaemonSocket(200);
  const stopped = new AbortController();
  const told = Promise.withResolvers<string>();
  const running = runWords(["inspect", "--socket", socket, "-o", "json"], {
    signal: stopped.signal,
    heard: told.resolve,
  });
  const { kind, url } = JSON.parse(await told.promise);
  expect(kind).toBe("Inspect");
  const answer = await fetch(url);
  expect(await answer.text()).toBe(`page /inspect of ${new URL(url).host}`);
  stopped.abort();
  expect((await running).exitCode).toBe(0);
  await expect(fetch(url)).rejects.toThrow();
});

test("a daemon without the page says how to get it", async () => {
  const socket = await startDaemonSocket(404);
  expect(await runWords(["inspect", "--socket", socket])).toMatchObject({
    exitCode: 4,
    stderr: expect.stringContaining("monitoring.inspector: true"),
  });
});

test.each(["x", "70000", "-1"])("port %s is refused", async (port) => {
  const socket = await startDaemonSocket(200);
  expect(await runWords(["inspect", "--socket", socket, `--port=${port}`])).toMatchObject({ exitCode: 2 });
});

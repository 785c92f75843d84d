import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Http2Server } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, onTestFinished, test } from "vitest";
import { answersCri } from "./answers-cri.ts";

const folder = await mkdtemp(join(tmpdir(), "headcni-test-"));
const socket = join(folder, "containerd.sock");

afterAll(() => rm(folder, { recursive: true }));

async function listening(server: Http2Server): Promise<void> {
  server.listen(socket);
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
  });
}

/** What containerd sends: 14 is UNAVAILABLE, "server is not initialized yet". */
test.each([
  ["with a version", "0", true],
  ["that it is not there yet", "14", false],
])("an answer %s", async (_, status, expected) => {
  const server = createServer().on("stream", (call, headers) => {
    expect(headers[":path"]).toBe("/runtime.v1.RuntimeService/Version");
    const type = { ":status": 200, "content-type": "application/grpc" };
    if (status !== "0") return call.respond({ ...type, "grpc-status": status }, { endStream: true });
    call.respond(type, { waitForTrailers: true });
    call.on("wantTrailers", () => call.sendTrailers({ "grpc-status": status }));
    call.end(Buffer.from([0, 0, 0, 0, 0]));
  });
  await listening(server);
  expect(await answersCri(socket)).toBe(expected);
});

test("nobody there, and one that ends the connection", async () => {
  expect(await answersCri(join(folder, "none.sock"))).toBe(false);
  await listening(createServer().on("session", (session) => session.destroy()));
  expect(await answersCri(socket)).toBe(false);
});

import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { type IncomingHttpHeaders, request } from "node:http";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Readiness } from "../../src/domain/health-level.ts";
import type { HttpSources } from "../../src/observe/http-routes.ts";
import { type HttpServer, openHttpServer } from "../../src/observe/http-server.ts";
import type { Health } from "../../src/observe/machine-health.ts";

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

let directory: string;
let socketPath: string;
let server: HttpServer;
let health: Health;
let readiness: Readiness;

const sources: HttpSources = {
  health: () => health,
  readiness: () => readiness,
  metrics: async () => ({ contentType: "text/plain; version=0.0.4", body: "headcni_serving 1\n" }),
  machines: () => ({ machines: [], recentTransitions: [] }),
  pages: { "/debug/status": () => ({ node: "n1" }) },
};

function ask(path: string, options: { method?: string; over?: "tcp" | "socket" } = {}): Promise<Answer> {
  const where = options.over === "socket" ? { socketPath } : { host: "127.0.0.1", port: server.port };
  return new Promise((resolve, reject) => {
    const call = request({ ...where, path, method: options.method ?? "GET", agent: false }, (response) => {
      let body = "";
      response.on("data", (chunk) => {
        body += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, body }));
    });
    call.on("error", reject);
    call.end();
  });
}

const open = (overrides: Partial<Parameters<typeof openHttpServer>[1]> = {}) =>
  openHttpServer(sources, { address: "127.0.0.1", port: 0, socketPath, ...overrides });

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "headcni-http-"));
  socketPath = join(directory, "http.sock");
  health = { alive: true, reasons: [] };
  readiness = { serving: true, state: "proven", reasons: [] };
  server = await open();
});

afterEach(async () => {
  await server.close();
  rmSync(directory, { recursive: true, force: true });
});

describe("a command", () => {
  const commands = {
    "/inspect": async (url: URL) => ({ status: 200, contentType: "text/plain", body: url.search }),
    "/broken": () => Promise.reject(new Error("no")),
  };

  test("is taken over the unix socket, and nowhere else", async () => {
    await server.close();
    server = await open({ commands });
    expect(await ask("/inspect?minutes=3", { method: "POST", over: "socket" })).toMatchObject({
      status: 200,
      body: "?minutes=3",
    });
    expect(await ask("/inspect", { method: "POST", over: "tcp" })).toMatchObject({ status: 405 });
    expect(await ask("/broken", { method: "POST", over: "socket" })).toMatchObject({ status: 500 });
    expect(await ask("/ready", { method: "POST", over: "socket" })).toMatchObject({ status: 405 });
  });
});

test("without a port the pages are on the unix socket alone", async () => {
  await server.close();
  server = await openHttpServer(sources, { socketPath });
  expect(server.port).toBe(0);
  expect(await ask("/healthz", { over: "socket" })).toMatchObject({ status: 200 });
});

describe.each(["tcp", "socket"] as const)("over %s", (over) => {
  test("/healthz answers 200 while alive and 503 with the reason otherwise", async () => {
    expect(await ask("/healthz", { over })).toMatchObject({ status: 200 });
    health = { alive: false, reasons: ["pods (pods) failed: x"] };
    const answer = await ask("/healthz", { over });
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.body)).toEqual(health);
  });

  test("/ready answers 200 only when serving, and says what is proven", async () => {
    readiness = { serving: true, state: "degraded", reasons: ["own prefix not in PrimaryRoutes"] };
    expect(await ask("/ready", { over })).toMatchObject({
      status: 200,
      body: expect.stringContaining("degraded"),
    });
    readiness = { serving: false, state: "unproven", reasons: ["recovering"] };
    const answer = await ask("/ready", { over });
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.body)).toEqual(readiness);
  });

  test("/metrics and /debug/machines answer, whatever the query", async () => {
    expect(await ask("/metrics?x=1", { over })).toMatchObject({
      status: 200,
      body: "headcni_serving 1\n",
      headers: { "content-type": "text/plain; version=0.0.4" },
    });
    expect(JSON.parse((await ask("/debug/machines", { over })).body)).toEqual({
      machines: [],
      recentTransitions: [],
    });
    expect(JSON.parse((await ask("/debug/status", { over })).body)).toEqual({ node: "n1" });
  });
});

describe("the server", () => {
  test("answers HEAD with the headers alone", async () => {
    const answer = await ask("/metrics", { method: "HEAD" });
    expect(answer).toMatchObject({ status: 200, body: "", headers: { "content-length": "18" } });
  });

  test.each(["POST", "PUT", "DELETE", "OPTIONS"])("refuses %s and says what exists", async (method) => {
    const answer = await ask("/metrics", { method });
    expect(answer).toMatchObject({ status: 405, headers: { allow: "GET, HEAD" } });
    expect(JSON.parse(answer.body).pages).toEqual([
      "/healthz",
      "/ready",
      "/metrics",
      "/debug/machines",
      "/debug/status",
    ]);
  });

  test.each(["/", "/metrics/", "/../etc/passwd", "/%2e%2e/", "//metrics", "/debug"])(
    "answers 404 for %s and says what exists",
    async (path) => {
      const answer = await ask(path);
      expect(answer.status).toBe(404);
      expect(JSON.parse(answer.body).pages).toContain("/debug/machines");
    },
  );

  test("refuses an URL or headers beyond their bounds", async () => {
    expect((await ask(`/metrics?${"x".repeat(2000)}`)).status).toBe(414);
    expect((await ask(`/metrics?${"x".repeat(20_000)}`)).status).toBe(431);
  });

  test("outlives garbage on the wire", async () => {
    await new Promise<void>((resolve) => {
      const connection = connect(server.port, "127.0.0.1", () =>
        connection.write("\x16\x03\x01 garbage\r\n\r\n"),
      );
      connection.resume().on("close", () => resolve());
      connection.on("error", () => undefined);
    });
    expect((await ask("/ready")).status).toBe(200);
  });

  test("answers 500 when a source throws, and goes on", async () => {
    await server.close();
    const broken = {
      ...sources,
      machines: () => {
        throw new Error("geheim");
      },
    };
    server = await openHttpServer(broken, { address: "127.0.0.1", port: 0, socketPath });
    const answer = await ask("/debug/machines");
    expect(answer.status).toBe(500);
    expect(answer.body).not.toContain("geheim");
    expect((await ask("/ready")).status).toBe(200);
  });

  test("lets only root connect to its socket, and removes it when closed", async () => {
    expect(statSync(socketPath).mode & 0o777).toBe(0o600);
    await server.close();
    expect(() => statSync(socketPath)).toThrow(expect.objectContaining({ code: "ENOENT" }));
  });

  test("replaces what a dead process left in the place of its socket", async () => {
    await server.close();
    writeFileSync(socketPath, "");
    server = await open();
    expect((await ask("/ready", { over: "socket" })).status).toBe(200);
  });

  test("refuses a socket that is in use, and leaves the port free", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => other.once("listening", resolve));
    const address = other.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    await new Promise((resolve) => other.close(resolve));
    await expect(open({ port })).rejects.toMatchObject({
      detail: { code: "ADDRESS_TAKEN", address: socketPath },
    });
    const second = await open({ port, socketPath: join(directory, "second.sock") });
    expect(second.port).toBe(port);
    await second.close();
  });

  test("says which port is taken", async () => {
    await expect(open({ port: server.port, socketPath: join(directory, "b.sock") })).rejects.toMatchObject({
      detail: { code: "ADDRESS_TAKEN", address: `127.0.0.1:${server.port}`, reason: "EADDRINUSE" },
    });
  });

  test("says why an address cannot be used", async () => {
    await expect(open({ address: "192.0.2.1" })).rejects.toMatchObject({
      detail: { code: "ADDRESS_UNUSABLE", reason: "EADDRNOTAVAIL" },
    });
    await expect(open({ socketPath: join(directory, "none", "http.sock") })).rejects.toMatchObject({
      detail: { code: "ADDRESS_UNUSABLE" },
    });
  });
});

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { type IncomingHttpHeaders, request } from "node:http";
import { connect, createServer } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { Readiness } from "../../../src/domain/health-level.ts";
import type { Health } from "../../../src/observe/machines/machine-health.ts";
import type { HttpSources } from "../../../src/observe/pages/http-routes.ts";
import { type HttpServer, openHttpServer } from "../../../src/observe/pages/http-server.ts";

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

interface Asked {
  readonly method?: string;
  readonly over?: "tcp" | "socket";
  /** From where, over TCP; 127.0.0.1 by default. */
  readonly to?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function ask(path: string, options: Asked = {}): Promise<Answer> {
  const where =
    options.over === "socket" ? { socketPath } : { host: options.to ?? "127.0.0.1", port: server.port };
  const { method = "GET", headers = {} } = options;
  return new Promise((resolve, reject) => {
    const call = request({ ...where, path, method, headers, agent: false }, (response) => {
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

describe("pages for the node alone", () => {
  const paths = ["/debug/machines", "/debug/status", "/debug/none", "/debug", "/inspect", "/debug/pprof/"];
  const open = ["/healthz", "/ready", "/metrics"];
  const taken: string[] = [];
  const handler: NonNullable<Parameters<typeof openHttpServer>[1]["handler"]> = (
    _request,
    response,
    { pathname },
  ) => {
    if (!pathname.startsWith("/inspect") && !pathname.startsWith("/debug/pprof/")) return false;
    taken.push(pathname);
    response.end("taken");
    return true;
  };
  const address = Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .find(({ internal, family }) => !internal && family === "IPv4")?.address;

  beforeEach(async () => {
    taken.length = 0;
    await server.close();
    server = await openHttpServer(sources, { address: "0.0.0.0", port: 0, socketPath, handler });
  });

  describe.each(["tcp", "socket"] as const)("over %s", (over) => {
    test.each([
      ["the name of a web site that points here", { host: "evil.example:9797" }],
      ["the name of one that ends like ours", { host: "localhost.evil.example" }],
      ["a page of another site", { host: "127.0.0.1:9797", origin: "https://evil.example" }],
      ["a page of another port", { host: "127.0.0.1:9797", origin: "http://127.0.0.1:8080" }],
      ["a page from nowhere", { host: "127.0.0.1:9797", origin: "null" }],
      ["an image on a page of another site", { host: "127.0.0.1:9797", "sec-fetch-site": "cross-site" }],
    ])("are not shown to %s; health, readiness and metrics are", async (_what, headers) => {
      for (const path of paths) {
        for (const method of ["GET", "HEAD", "POST"])
          expect(await ask(path, { over, headers, method }), `${method} ${path}`).toMatchObject({
            status: 403,
          });
        expect(JSON.parse((await ask(path, { over, headers })).body).error).toMatch(/^(ask for )?this page /);
      }
      expect(taken).toEqual([]);
      for (const path of open)
        expect(await ask(path, { over, headers }), path).toMatchObject({ status: 200 });
    });

    test.each(["localhost:1", "localhost", "127.0.0.1:9797", "[::1]:9797", "n1.localhost"])(
      "are shown to whom calls this machine %s, and to the page's own requests",
      async (host) => {
        expect(await ask("/debug/machines", { over, headers: { host } })).toMatchObject({ status: 200 });
        const own = { host, origin: `http://${host}`, "sec-fetch-site": "same-origin" };
        expect(await ask("/inspect", { over, headers: own })).toMatchObject({ status: 200, body: "taken" });
      },
    );
  });

  test("are on loopback alone where the address is another", async ({ skip }) => {
    if (address === undefined) return skip("this machine has no address but loopback");
    for (const path of paths) {
      const answer = await ask(path, { to: address });
      expect(answer.status, path).toBe(403);
      expect(JSON.parse(answer.body).error).toContain("on loopback and on its unix socket only");
    }
    for (const path of open) expect(await ask(path, { to: address }), path).toMatchObject({ status: 200 });
    expect(await ask("/debug/machines", { to: "127.0.0.1" })).toMatchObject({ status: 200 });
    expect(await ask("/debug/machines", { over: "socket" })).toMatchObject({ status: 200 });
  });
});

test.each(["tcp", "socket"] as const)(
  "over %s a probe is answered each time, whatever 700 clients hold that ask for nothing",
  async (over) => {
    const target = over === "socket" ? socketPath : String(server.port);
    const clients = spawn(
      process.execPath,
      [join(import.meta.dirname, "../../support/idle-clients.ts"), target, "700"],
      {
        stdio: ["pipe", "pipe", "inherit"],
      },
    );
    const ended = once(clients, "exit");
    onTestFinished(async () => {
      clients.stdin.end();
      await ended;
    });
    await once(clients.stdout, "data");
    for (let count = 0; count < 50; count += 1)
      expect(await ask("/healthz", { over }), `probe ${count}`).toMatchObject({ status: 200 });
  },
);

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

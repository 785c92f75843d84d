import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type IncomingHttpHeaders, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { Profile } from "pprof-format";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createDevtools } from "../../../src/adapters/devtools/devtools.ts";
import { type HttpServer, openHttpServer } from "../../../src/observe/pages/http-server.ts";
import { createPprofPages, firstHandler } from "../../../src/observe/pprof/pprof-pages.ts";
import { createProfilers, type TakeProfile } from "../../../src/observe/pprof/profilers.ts";

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

const devtools = createDevtools();
let directory: string;
let server: HttpServer;

function ask(path: string, signal?: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(
      { host: "127.0.0.1", port: server.port, path, agent: false, ...(signal && { signal }) },
      (response) => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part));
        response.on("end", () =>
          resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(parts) }),
        );
        response.on("error", reject);
      },
    );
    call.on("error", reject);
    call.end();
  });
}

async function open(
  profilers: Readonly<Record<string, TakeProfile>> = createProfilers(async (...given) => devtools(...given)),
): Promise<void> {
  server = await openHttpServer(
    {
      health: () => ({ alive: true, reasons: [] }),
      readiness: () => ({ serving: true, state: "proven", reasons: [] }),
      metrics: async () => ({ contentType: "text/plain", body: "" }),
      machines: () => ({ machines: [], recentTransitions: [] }),
    },
    {
      address: "127.0.0.1",
      port: 0,
      socketPath: join(directory, "http.sock"),
      handler: firstHandler(undefined, createPprofPages({ main: profilers })),
    },
  );
}

/** Runs `work` again and again while `during` is not settled, with room for the event loop in between. */
async function busyWhile<Result>(during: Promise<Result>, work: () => void): Promise<Result> {
  let done = false;
  const settled = during.finally(() => {
    done = true;
  });
  while (!done) {
    work();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return await settled;
}

async function goToolPprof(body: Buffer, ...options: readonly string[]): Promise<string> {
  const file = join(directory, "profile.pb.gz");
  writeFileSync(file, body);
  const { stdout } = await promisify(execFile)("go", ["tool", "pprof", "-top", ...options, file], {
    timeout: 300_000,
    env: { ...process.env, PPROF_TMPDIR: directory },
  });
  return stdout;
}

const kept: object[] = [];

function burnSomeTime(): void {
  const end = performance.now() + 20;
  while (performance.now() < end) Math.sqrt(Math.random());
}

function keepSomeObjects(): void {
  for (let index = 0; index < 2000; index += 1) kept.push({ index, text: `kept ${index}` });
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "headcni-pprof-"));
});

afterEach(async () => {
  kept.length = 0;
  await server.close();
  rmSync(directory, { recursive: true, force: true });
});

describe("profiles that go tool pprof opens", () => {
  // Go builds this tool when it is first used, which takes minutes on a machine with other things to do.
  beforeAll(async () => {
    await promisify(execFile)("go", ["tool", "-n", "pprof"], { timeout: 540_000 });
  }, 600_000);

  test("of CPU time: the function that burns it stands on top", async () => {
    await open();
    const { status, headers, body } = await busyWhile(ask("/debug/pprof/profile?seconds=2"), burnSomeTime);
    expect(status).toBe(200);
    expect(headers["content-type"]).toBe("application/octet-stream");
    const top = await goToolPprof(body);
    expect(top).toContain("Type: cpu");
    expect(top).toContain("burnSomeTime");
    const { durationNanos, sample } = Profile.decode(gunzipSync(body));
    expect(Number(durationNanos)).toBe(2e9);
    expect(sample.length).toBeGreaterThan(0);
  }, 360_000);

  test("of the heap: the function whose objects live on is in it", async () => {
    await open();
    const { status, body } = await busyWhile(ask("/debug/pprof/heap?seconds=2"), keepSomeObjects);
    expect(status).toBe(200);
    const top = await goToolPprof(body, "-sample_index=inuse_space");
    expect(top).toContain("Type: inuse_space");
    expect(top).toContain("keepSomeObjects");
  }, 360_000);
});

describe("the pages", () => {
  /** A profile that ends when the test says so, or when nobody waits for it any more. */
  function heldProfiler() {
    const { promise: started, resolve: start } = Promise.withResolvers<number>();
    const { promise: result, resolve: finish } = Promise.withResolvers<Uint8Array>();
    const { promise: abandoned, resolve: abandon } = Promise.withResolvers<void>();
    const profiler: TakeProfile = (durationMs, signal) => {
      start(durationMs);
      signal.addEventListener("abort", () => abandon());
      return Promise.race([
        result,
        new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
      ]);
    };
    return { profiler, started, finish, abandoned };
  }

  test("a second profile is refused while one is taken, with the time to wait, and welcome afterwards", async () => {
    const held = heldProfiler();
    await open({ profile: held.profiler, heap: async () => new Uint8Array([7]) });
    const first = ask("/debug/pprof/profile?seconds=30");
    expect(await held.started).toBe(30_000);
    const second = await ask("/debug/pprof/heap?seconds=1");
    expect(second.status).toBe(409);
    expect(second.body.toString()).toContain("/debug/pprof/profile is being taken");
    expect(Number(second.headers["retry-after"])).toBeGreaterThan(0);
    held.finish(new Uint8Array([1, 2, 3]));
    expect([...(await first).body]).toEqual([1, 2, 3]);
    expect((await ask("/debug/pprof/heap?seconds=1")).status).toBe(200);
  });

  test("a profile may take longer than other exchanges may be silent", async () => {
    await open({
      profile: (_, signal) =>
        new Promise((resolve, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason));
          setTimeout(() => resolve(new Uint8Array([9])), 11_000);
        }),
    });
    expect((await ask("/debug/pprof/profile?seconds=20")).status).toBe(200);
  }, 60_000);

  test("it ends when its client goes away, and the next one may begin", async () => {
    const held = heldProfiler();
    await open({ profile: held.profiler, heap: async () => new Uint8Array([7]) });
    const leaving = new AbortController();
    const first = ask("/debug/pprof/profile?seconds=30", leaving.signal);
    await held.started;
    leaving.abort();
    await expect(first).rejects.toThrow();
    await held.abandoned;
    await expect.poll(async () => (await ask("/debug/pprof/heap")).status, { timeout: 30_000 }).toBe(200);
  }, 60_000);

  test.each(["0", "61", "-1", "abc", "", "NaN"])(
    "seconds=%s is refused with what is allowed",
    async (seconds) => {
      await open({ profile: async () => new Uint8Array() });
      const { status, body } = await ask(`/debug/pprof/profile?seconds=${seconds}`);
      expect(status).toBe(400);
      expect(body.toString()).toContain("from 1 to 60");
    },
  );

  test.each(["/debug/pprof", "/debug/pprof/"])("%s is an index of what there is", async (path) => {
    await open({ profile: async () => new Uint8Array(), heap: async () => new Uint8Array() });
    const { status, headers, body } = await ask(path);
    expect(status).toBe(200);
    expect(headers["content-type"]).toContain("text/html");
    for (const kind of ["profile", "heap"])
      expect(body.toString()).toContain(`href="/debug/pprof/${kind}?thread=main&amp;seconds=10"`);
  });

  test.each(["kernl", "constructor"])(
    "an unknown thread is answered with those there are: %s",
    async (name) => {
      await open();
      const { status, body } = await ask(`/debug/pprof/profile?thread=${name}`);
      expect(status).toBe(404);
      expect(body.toString()).toContain("there are main");
    },
  );

  test.each(["goroutine", "constructor"])(
    "an unknown profile is answered with those there are, other pages as ever: %s",
    async (name) => {
      await open();
      const { status, body } = await ask(`/debug/pprof/${name}`);
      expect(status).toBe(404);
      expect(body.toString()).toContain("/debug/pprof/profile and /debug/pprof/heap");
      expect((await ask("/healthz")).status).toBe(200);
    },
  );

  test("a profile that fails is an answer, not the end", async () => {
    await open({ profile: () => Promise.reject(new Error("no profiler")) });
    expect((await ask("/debug/pprof/profile?seconds=1")).status).toBe(500);
    expect((await ask("/debug/pprof/profile?seconds=1")).status).toBe(500);
  });
});

import { spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { Agent, request } from "undici";
import { LabError } from "../../lab-error.ts";
import type { Lab } from "../../lab-types.ts";
import { waitUntil } from "../../wait-until.ts";
import { clusterOf } from "../cluster.ts";
import { kubectlCommand } from "./kubectl.ts";

type Method = "GET" | "POST" | "PATCH" | "DELETE";

/** Many quick requests to a lab's API server as its administrator, through one `kubectl proxy`. */
export interface ApiConnection {
  /** The answer's body; PATCH is a JSON merge patch. Throws LabError COMMAND_FAILED for any other status than 2xx. */
  call(method: Method, path: string, body?: unknown): Promise<unknown>;
  /** Does so for each, many at once. */
  callAll(calls: readonly ApiCall[]): Promise<void>;
  close(): Promise<void>;
}

export type ApiCall = readonly [method: Method, path: string, body?: unknown];

const atOnce = 24;

/** Opens a connection. It stands while the API server is away: calls fail meanwhile. */
export async function connectApi(lab: Lab): Promise<ApiConnection> {
  const socketPath = join(clusterOf(lab).folder, "proxy.sock");
  await rm(socketPath, { force: true });
  const [program, ...args] = kubectlCommand(lab, ["proxy", `--unix-socket=${socketPath}`]);
  const proxy = spawn(program, args, { stdio: "ignore" });
  const ended = once(proxy, "close");
  const agent = new Agent({ connect: { socketPath }, connections: atOnce });

  async function call(method: Method, path: string, body?: unknown): Promise<unknown> {
    const answer = await request(`http://localhost${path}`, {
      dispatcher: agent,
      method,
      headers: {
        "content-type": method === "PATCH" ? "application/merge-patch+json" : "application/json",
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.body.text();
    if (answer.statusCode < 300) return text.startsWith("{") ? JSON.parse(text) : text;
    throw new LabError("COMMAND_FAILED", `${method} ${path}: ${answer.statusCode} ${text.slice(0, 400)}`);
  }

  async function close(): Promise<void> {
    await agent.destroy();
    proxy.kill();
    await ended;
  }

  const answers = () =>
    call("GET", "/readyz").then(
      () => true,
      () => false,
    );
  await waitUntil(answers, { what: "kubectl proxy answers", timeoutMs: 30_000 }).catch(async (error) => {
    await close();
    throw error;
  });
  return {
    call,
    callAll: async (calls) => {
      const rest = calls[Symbol.iterator]();
      const work = async () => {
        for (const one of rest) await call(...one);
      };
      await Promise.all(Array.from({ length: atOnce }, work));
    },
    close,
  };
}

import { LabError } from "../../lab-error.ts";
import { inNetns } from "../../network/netns.ts";
import { run } from "../../run-command.ts";
import type { Attack, Finding } from "../attack.ts";

const foreignHost = "evil.example";
/** What the daemon tells about itself; probes and metrics are for everybody. */
const pages = [
  "/debug/machines",
  "/debug/status",
  "/debug/logs",
  "/debug/trace",
  "/debug/recording",
  "/debug/pprof/",
  "/debug/pprof/heap?seconds=1",
  "/inspect",
  "/inspect/actor?key=x",
] as const;

export const foreignWebPage: Attack = {
  name: "foreign-web-page",
  promise: "local",
  does: `a web page of ${foreignHost}, whose name leads to loopback, reads the daemon's pages`,
  run: async ({ node }) => {
    const { port } = new URL(node.metricsUrl);
    const [honest, ...asked] = await ask(node.netns, port, [
      { path: pages[0], host: `127.0.0.1:${port}` },
      ...pages.map((path) => ({ path, host: foreignHost })),
      ...pages.map((path) => ({ path, host: `${foreignHost}:${port}` })),
      // The right name, and what a browser tells of a page from elsewhere.
      ...pages.map((path) => ({ path, host: `127.0.0.1:${port}`, origin: `http://${foreignHost}` })),
    ]);
    if (honest?.status !== 200)
      throw new LabError("NOT_READY", `${node.name} shows its pages to nobody: ${JSON.stringify(honest)}`);
    return asked.map(verdict);
  },
};

interface Request {
  readonly path: string;
  readonly host: string;
  readonly origin?: string;
}

interface Answer extends Request {
  /** 0 without an answer. */
  readonly status: number;
  readonly allowed: string | null;
}

/** Anything but a refusal is harm: what a page may not read it may still start. */
function verdict({ path, host, origin, status, allowed }: Answer): Finding {
  const who = origin === undefined ? `as ${host}` : `to ${origin}`;
  const permission = allowed === null ? "" : ", which may read it";
  return { saw: `${path} ${status} ${who}${permission}`, harm: status !== 403 || allowed !== null };
}

/** Asks the daemon's port on the node's loopback, with whatever names. */
async function ask(netns: string, port: string, requests: readonly Request[]): Promise<readonly Answer[]> {
  const script = `
    const { get } = await import("node:http");
    const ask = ({ path, host, origin }) => new Promise((resolve) => {
      const headers = { host, ...(origin ? { origin } : {}) };
      const asked = get({ host: "127.0.0.1", port: ${port}, path, headers, timeout: 5000 }, (answer) => {
        answer.resume();
        const allowed = answer.headers["access-control-allow-origin"] ?? null;
        resolve({ path, host, origin, status: answer.statusCode, allowed });
        asked.destroy();
      });
      asked.on("timeout", () => asked.destroy()).on("error", () => resolve({ path, host, origin, status: 0, allowed: null }));
    });
    const answers = [];
    for (const request of JSON.parse(process.argv[1])) answers.push(await ask(request));
    console.log(JSON.stringify(answers));
  `;
  const command = [process.execPath, "--input-type=module", "-e", script, JSON.stringify(requests)] as const;
  return JSON.parse(await run(inNetns(netns, command), { timeoutMs: 120_000 })) as readonly Answer[];
}

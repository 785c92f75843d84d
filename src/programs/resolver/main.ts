import { createSocket, type Socket } from "node:dgram";
import { writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { loadLibc } from "../../adapters/netlink/libc.ts";
import { threadNamespaces } from "../../adapters/netlink/namespaces/namespaces.ts";
import { forwardDatagrams } from "./forward-datagrams.ts";
import { forwardStreams } from "./forward-streams.ts";

/** `headcni-resolver --node NETNS [--sysctls DIR] ADDRESS...`, in the tailnet namespace: see the README beside this. */
const dnsPort = 53;

interface Listeners {
  readonly server: string;
  readonly datagrams: Socket;
  readonly streams: Server;
}

/** Gives the exit code of a start that failed; what listens keeps the process going otherwise. */
async function main(): Promise<number | undefined> {
  const { values, positionals: servers } = parseArgs({
    options: { node: { type: "string", default: "" }, sysctls: { type: "string", default: "/proc/sys" } },
    allowPositionals: true,
  });
  for (const event of ["end", "close", "error"] as const) process.stdin.on(event, () => process.exit());
  process.stdin.resume();
  const namespaces = threadNamespaces(loadLibc());
  const node = namespaces.open(values.node);
  if (node.inode === namespaces.home.inode)
    return refuse("this is the node's namespace, not the tailnet namespace");
  permitPort(values.sysctls);
  const tried = await Promise.allSettled(servers.map(listenOn));
  const opened = tried.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  for (const result of tried) if (result.status === "rejected") refuse(String(result.reason));
  if (opened.length === 0) return refuse("no nameserver can be forwarded");
  namespaces.moveInto(node);
  // Only now: a question forwarded inside the tailnet namespace would come back as the next question.
  for (const { server, datagrams, streams } of opened) {
    forwardDatagrams(datagrams, server);
    forwardStreams(streams, server);
  }
  console.error(`headcni-resolver: forwards ${opened.map(({ server }) => server).join(", ")}`);
  return undefined;
}

/** Where that is refused, binding says whether it was needed. */
function permitPort(sysctls: string): void {
  try {
    writeFileSync(join(sysctls, "net/ipv4/ip_unprivileged_port_start"), String(dnsPort));
  } catch {
    // A container's own /proc/sys is read-only.
  }
}

async function listenOn(server: string): Promise<Listeners> {
  const datagrams = createSocket(server.includes(":") ? "udp6" : "udp4");
  const streams = createServer({ allowHalfOpen: true });
  await new Promise<void>((resolve, reject) => {
    datagrams.once("error", reject).bind(dnsPort, server, resolve);
  });
  await new Promise<void>((resolve, reject) => {
    streams.once("error", reject).listen(dnsPort, server, resolve);
  }).catch((error: unknown) => {
    datagrams.close();
    throw error;
  });
  return { server, datagrams, streams };
}

function refuse(why: string): number {
  console.error(`headcni-resolver: ${why}`);
  return 1;
}

const exitCode = await main();
if (exitCode !== undefined) process.exit(exitCode);

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { openFirewall } from "../../../src/adapters/nftables/open-firewall.ts";
import { addNetns, inNetns, ipBatch, netnsPath, removeNetns, setSysctls } from "../../lab/network/netns.ts";
import { until } from "../../support/until.ts";
import type { FromProbeProcess, SocketProbe, ToProbeProcess } from "./probe-process.ts";

/** A node that forwards between pods with veths of their own and everything else, which is one namespace with all other addresses. */
export interface PolicyRig {
  /** The node's namespace. */
  readonly netns: string;
  /** The namespace with this address, of a pod or elsewhere. */
  netnsOf(address: string): string;
  /** Loads a document of libnftables-json(5) into the node. */
  load(document: unknown): Promise<void>;
  /** Sends all; gives the ids of those that came through, once `expected` have and nothing else can any more. */
  probe(probes: readonly SocketProbe[], expected: readonly number[]): Promise<readonly number[]>;
  remove(): Promise<void>;
}

export interface PolicyRigOptions {
  readonly label: string;
  /** Each list is one pod's. */
  readonly pods: readonly (readonly string[])[];
  readonly elsewhere: readonly string[];
  /** The node's own. */
  readonly own: readonly string[];
  readonly ports: readonly number[];
}

export async function policyRig({
  label,
  pods,
  elsewhere,
  own,
  ports,
}: PolicyRigOptions): Promise<PolicyRig> {
  const netns = `hcg-${process.pid}-${label}`;
  const ends = [...pods.map((_, at) => `${netns}-p${at}`), `${netns}-w`];
  const names = [netns, ...ends];
  const processes: ChildProcess[] = [];
  const remove = async () => {
    for (const child of processes.filter(({ exitCode }) => exitCode === null)) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    for (const name of names) await removeNetns(name);
  };
  const endOf = new Map(
    [...pods, elsewhere].flatMap((addresses, at) => addresses.map((address) => [address, at] as const)),
  );
  try {
    for (const name of names) await addNetns(name);
    await setSysctls(netns, {
      ...{
        "net.ipv4.ip_forward": "1",
        "net.ipv6.conf.all.forwarding": "1",
        "net.ipv6.conf.default.forwarding": "1",
      },
      ...{ "net.ipv4.conf.all.rp_filter": "0", "net.ipv4.conf.default.rp_filter": "0" },
    });
    await ipBatch(
      netns,
      own.map((address) => `addr add ${whole(address)} dev lo`),
    );
    for (const [at, end] of ends.entries()) {
      const addresses = pods[at] ?? elsewhere;
      const link = `e${at}`;
      await ipBatch(netns, [
        `link add ${link} type veth peer name eth0 netns ${netnsPath(end)}`,
        `link set ${link} up`,
        // Neighbours find each other as they do everywhere, by ARP and neighbour discovery.
        `addr add 169.254.1.1/32 dev ${link}`,
        `addr add fe80::1/64 dev ${link} nodad`,
        ...(pods[at] === undefined
          ? [`route add default dev ${link}`, `route add default via fe80::2 dev ${link}`]
          : addresses.map((address) => `route add ${whole(address)} dev ${link}`)),
      ]);
      await ipBatch(end, [
        "link set eth0 up",
        "addr add fe80::2/64 dev eth0 nodad",
        // Neighbour discovery answers for addresses of the link alone; elsewhere is asked for fe80::2 only.
        ...addresses.map((address) =>
          pods[at] === undefined
            ? `addr add ${whole(address)} dev lo`
            : `addr add ${whole(address)} dev eth0${address.includes(":") ? " nodad" : ""}`,
        ),
        "route add 169.254.1.1/32 dev eth0 scope link",
        "route add default via 169.254.1.1 dev eth0",
        "route add default via fe80::1 dev eth0",
      ]);
    }
    processes.push(...(await Promise.all(ends.map((end) => startProbes(end, ports)))));
  } catch (error) {
    await remove();
    throw error;
  }
  const firewall = openFirewall({ tailnetPath: () => netnsPath(netns) });

  return {
    netns,
    netnsOf: (address) => ends[endOf.get(address) ?? -1] ?? "",
    load: (document) => firewall.apply("tailnet", [{ tool: "nft", document }]),
    probe: async (probes, expected) => {
      const passed = new Set<number>();
      const [sent, settled] = [new Set<ChildProcess>(), new Set<ChildProcess>()];
      const listeners = processes.map((child) => {
        const listener = (message: FromProbeProcess) => {
          if ("passed" in message) passed.add(message.passed);
          if ("sent" in message) sent.add(child);
          if ("settled" in message) settled.add(child);
        };
        child.on("message", listener);
        return () => child.off("message", listener);
      });
      const tellAll = (messageFor: (at: number) => ToProbeProcess) => {
        for (const [at, child] of processes.entries()) child.send(messageFor(at));
      };
      tellAll((at) => ({ probes: probes.filter(({ source }) => endOf.get(source) === at) }));
      await until(() => sent.size === processes.length, "every end has sent all");
      const missing = () => expected.filter((id) => !passed.has(id));
      // What did not come is for the caller to tell.
      await until(() => missing().length === 0, "all that is expected", 10_000).catch(() => undefined);
      tellAll(() => ({ settle: true }));
      await until(() => settled.size === processes.length, "every end has told all");
      for (const stop of listeners) stop();
      return [...passed].sort((a, b) => a - b);
    },
    remove,
  };
}

function whole(address: string): string {
  return `${address}/${address.includes(":") ? 128 : 32}`;
}

async function startProbes(netns: string, ports: readonly number[]): Promise<ChildProcess> {
  const script = fileURLToPath(new URL("./probe-process.ts", import.meta.url));
  const [program, ...args] = inNetns(netns, [
    "taskset",
    "-c",
    "0",
    process.execPath,
    script,
    ...ports.map(String),
  ]);
  const child = spawn(program, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  await Promise.race([
    once(child, "message"),
    once(child, "exit").then(([code]) => Promise.reject(new Error(`a probe ended with ${code}`))),
  ]);
  return child;
}

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { waitForDaemon } from "../lab/headcni/daemon.ts";
import { nodeOf } from "../lab/lab-store.ts";
import { inNetns, netnsPath } from "../lab/network/netns.ts";
import { addPod, type Pod } from "../lab/pods.ts";
import { identify, type ProcessIdentity, signalProcess } from "../lab/processes/processes.ts";
import { type CommandLine, run, runResult } from "../lab/run-command.ts";
import { killService, serviceProcess, startService } from "../lab/services.ts";
import { waitUntil } from "../lab/wait-until.ts";
import { cleanUp, expectCleanNode } from "./support/clean-node.ts";
import { useLab } from "./support/use-lab.ts";

const name = "headscale.lab.test";
const address = "10.99.0.1";
const client = join(import.meta.dirname, "..", "lab", "traffic", "name-client.ts");
const daemon = { name: "daemon", node: "n1" } as const;
const tailscaled = { name: "tailscaled", node: "n1" } as const;

/** The nodes' only resolver is on their 127.0.0.1, and alone knows the name by which Headscale is addressed. */
describe("a node whose resolver is on loopback", () => {
  const config = { "headscale.url": `http://${name}:8080` };
  const lab = useLab({ nodes: 1, nameOnLoopback: name, config });
  const node = () => nodeOf(lab(), "n1");
  const ready = () => waitForDaemon(lab(), node(), 120_000);
  let pod: Pod;

  /** Runs a command in X, which is where tailscaled lives. */
  const inTailnet = async (...command: string[]) => {
    const { pid } = (await serviceProcess(lab(), tailscaled)) ?? { pid: 0 };
    return await runResult(["nsenter", `--net=/proc/${pid}/ns/net`, "--", ...command]);
  };
  const askInTailnet = async (transport: string) =>
    (await inTailnet(process.execPath, client, transport, "127.0.0.1", name)).stdout.trim();
  const untilResolved = () =>
    waitUntil(async () => (await askInTailnet("udp")) === address, {
      what: "tailscaled's namespace resolves the name",
      timeoutMs: 60_000,
    });
  const resolvers = async (): Promise<readonly ProcessIdentity[]> => {
    const pids = (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry));
    const program = join(lab().folder, "");
    const found = await Promise.all(
      pids.map(async (pid) => {
        const words = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
        return words.some((word) => word.startsWith(program) && word.endsWith("headcni-resolver.mjs"));
      }),
    );
    return pids.filter((_, index) => found[index]).flatMap((pid) => identify(Number(pid)) ?? []);
  };

  beforeAll(async () => {
    pod = await addPod(lab(), "n1", "a");
  });

  test("the node has joined; its resolver answers there over UDP and TCP", async () => {
    const { pid } = (await serviceProcess(lab(), tailscaled)) ?? { pid: 0 };
    expect(await readFile(`/proc/${pid}/root/etc/resolv.conf`, "utf8")).toMatch(/^nameserver 127\.0\.0\.1$/m);
    for (const transport of ["udp", "tcp"]) expect(await askInTailnet(transport)).toBe(address);
    expect(await resolvers()).toHaveLength(1);
  });

  test("it lives on without the daemon, and the next daemon joins again through it", async () => {
    const before = await resolvers();
    await killService(lab(), daemon);
    expect(await askInTailnet("udp")).toBe(address);
    await startService(lab(), daemon);
    await ready();
    expect(await resolvers()).toEqual(before);
    await killService(lab(), tailscaled);
    await waitUntil(async () => (await serviceProcess(lab(), tailscaled)) !== undefined, {
      what: "tailscaled runs again",
      timeoutMs: 60_000,
    });
    await ready();
    await untilResolved();
    await waitUntil(async () => (await resolvers()).length === 1, {
      what: "one resolver is left",
      timeoutMs: 60_000,
    });
  });

  test("killed, it comes back", async () => {
    const [before] = await resolvers();
    expect(before !== undefined && signalProcess(before, "SIGKILL")).toBe(true);
    await untilResolved();
    expect((await resolvers())[0]?.pid).not.toBe(before?.pid);
  });

  test("nothing else of the node's loopback is reached: not from X, not from a pod, not from the underlay", async () => {
    const port = new URL(node().metricsUrl).port;
    const connect = ["bash", "-c", `exec 3<>/dev/tcp/127.0.0.1/${port}`] as const;
    const onNode = (...command: CommandLine) => run(inNetns(node().netns, command));
    // Who has sent the node's loopback a SYN is seen here for a minute, also if no answer finds its way back.
    const strangers = async () => {
      const lines = (await onNode("ss", "-Htan", `sport = :${port}`)).split("\n");
      return lines.filter((line) => /\d/.test(line) && !/LISTEN|127\.0\.0\.1:\d+\s+127\.0\.0\.1:/.test(line));
    };
    const echoes = () => onNode("nstat", "-asz", "IcmpInEchos");
    await onNode(...connect);
    expect((await inTailnet(...connect)).exitCode).not.toBe(0);

    const before = await echoes();
    const { pid } = (await serviceProcess(lab(), tailscaled)) ?? { pid: 0 };
    for (const netns of [`/proc/${pid}/ns/net`, netnsPath(pod.netns), netnsPath(lab().netns)]) {
      const attack = (...command: CommandLine) => run(["nsenter", `--net=${netns}`, "--", ...command]);
      const [way] = JSON.parse(await attack("ip", "-j", "route", "get", node().address)) as [
        { readonly dev: string; readonly gateway?: string },
      ];
      // As root there can: a packet from 127.0.0.1 over the wire, then one to it.
      await attack("sysctl", "-qw", "net.ipv4.conf.all.route_localnet=1");
      await attack("ping", "-c", "1", "-W", "1", "-I", "127.0.0.1", node().address).catch(() => undefined);
      for (const local of ["127.0.0.0/8", "127.0.0.1"])
        await attack("ip", "route", "flush", "table", "local", local);
      const via = ["via", way.gateway ?? node().address, "dev", way.dev, "onlink"];
      await attack("ip", "route", "add", "127.0.0.0/8", ...via);
      await expect(attack("timeout", "3", ...connect)).rejects.toThrow("ended with 124");
    }
    expect(await strangers()).toEqual([]);
    expect(await echoes()).toBe(before);
  });

  test("--cleanup leaves nothing of it", async () => {
    await cleanUp(lab(), node());
    await waitUntil(async () => (await resolvers()).length === 0, {
      what: "no resolver is left",
      timeoutMs: 60_000,
    });
    await expectCleanNode(node());
  });
});

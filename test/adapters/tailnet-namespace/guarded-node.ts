import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { GuardInvariant } from "../../../src/domain/guard/guard-invariants.ts";
import type { NamespaceGuard } from "../../../src/domain/guard/guard-settings.ts";
import { addNetns, inNetns, ipBatch, netnsPath, removeNetns, setSysctls } from "../../lab/network/netns.ts";
import { type CommandLine, run, runResult } from "../../lab/run-command.ts";
import { until } from "../../support/until.ts";

/** What the guard's process says about itself. */
export interface GuardView {
  readonly state: string;
  readonly held: boolean;
  readonly repairs: Readonly<Partial<Record<GuardInvariant, number>>>;
  /** How often it reported a repair since the process started. */
  readonly repairing: number;
  /** The last failure it reported. */
  readonly failure: string;
}

/**
 * A node in namespaces of its own: `node` with an uplink to `uplink` (10.77.0.1), the router of its LAN. The guard runs in
 * `node` as a process of its own and makes X.
 */
export interface GuardedNode {
  inNode(...command: CommandLine): Promise<string>;
  inX(...command: CommandLine): Promise<string>;
  inUplink(...command: CommandLine): Promise<string>;
  inNodeWith(input: string, ...command: CommandLine): Promise<string>;
  /** Whether one of three pings from the LAN comes back. */
  uplinkReaches(address: string): Promise<boolean>;
  /** Path of X, for commands that need it. */
  readonly tailnetPath: string;
  readonly names: { readonly node: string; readonly uplink: string };
  start(): Promise<void>;
  view(): GuardView;
  /** Resolves once the guard holds everything and has nothing left to look at. */
  settled(): Promise<void>;
  /** Runs the cleanup; the process is gone afterwards. */
  cleanUp(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  remove(): Promise<void>;
}

export const uplinkAddress = "10.77.0.1";
export const nodeAddress = "10.77.0.2";

export async function guardedNode(label: string, settings: NamespaceGuard): Promise<GuardedNode> {
  const prefix = `hcg-${process.pid}-${label}`;
  const names = { node: `${prefix}-n`, uplink: `${prefix}-u` };
  const runtimeDir = await mkdtemp(join(tmpdir(), "headcni-guard-"));
  const tailnetPath = join(runtimeDir, "tailnet.netns");
  for (const name of Object.values(names)) {
    await addNetns(name);
    // Addresses that change by themselves after a second would look like somebody's doing.
    await setSysctls(name, { "net.ipv6.conf.default.accept_dad": "0" });
  }
  await ipBatch(names.node, [
    `link add up0 type veth peer name lan0 netns ${names.uplink}`,
    `addr add ${nodeAddress}/24 dev up0`,
    "link set up0 up",
  ]);
  await ipBatch(names.uplink, [`addr add ${uplinkAddress}/24 dev lan0`, "link set lan0 up"]);
  await run(["ip", "-n", names.node, "route", "add", "default", "via", uplinkAddress]);

  let child: ChildProcess | undefined;
  let view: GuardView = { state: "", held: false, repairs: {}, repairing: 0, failure: "" };
  const inX = (...command: CommandLine) => run(["nsenter", `--net=${tailnetPath}`, "--", ...command]);
  const ended = async () => {
    const process = child;
    await until(
      () => process === undefined || process.exitCode !== null || process.signalCode !== null,
      "the guard ends",
    );
  };

  return {
    inNode: (...command) => run(inNetns(names.node, command)),
    inX,
    inUplink: (...command) => run(inNetns(names.uplink, command)),
    inNodeWith: (input, ...command) => run(inNetns(names.node, command), { input }),
    uplinkReaches: async (address) => {
      const ping: CommandLine = ["ping", "-q", "-c", "3", "-i", "0.2", "-W", "1", address];
      return (await runResult(inNetns(names.uplink, ping))).exitCode === 0;
    },
    tailnetPath,
    names,
    start: async () => {
      view = { ...view, state: "", held: false, repairing: 0 };
      child = spawnGuard(names.node, settings, runtimeDir, (next) => {
        view = next(view);
      });
      await until(() => view.held && view.state === "holding", "the guard holds");
    },
    view: () => view,
    settled: async () => {
      await until(() => view.held && view.state === "holding", "the guard holds again");
    },
    cleanUp: async () => {
      child?.stdin?.write("cleanup\n");
      await until(() => view.state === "clean", "the node is clean");
      await ended();
    },
    kill: async () => {
      child?.kill("SIGKILL");
      await ended();
    },
    remove: async () => {
      child?.kill("SIGKILL");
      await ended();
      await runResult(["umount", tailnetPath]);
      for (const name of Object.values(names)) await removeNetns(name);
      await rm(runtimeDir, { recursive: true, force: true });
    },
  };
}

type Line =
  | { readonly type: "state"; readonly value: string; readonly repairs: GuardView["repairs"] }
  | { readonly type: "guard.held" | "guard.repairing" | "guard.fighting" | "clean" }
  | { readonly type: "guard.failed"; readonly failure: { readonly message: string } };

function spawnGuard(
  netns: string,
  settings: NamespaceGuard,
  runtimeDir: string,
  change: (next: (view: GuardView) => GuardView) => void,
): ChildProcess {
  const script = fileURLToPath(new URL("./guard-process.ts", import.meta.url));
  const args = [
    `--net=${netnsPath(netns)}`,
    "--",
    process.execPath,
    script,
    JSON.stringify(settings),
    runtimeDir,
  ];
  const child = spawn("nsenter", args, { stdio: ["pipe", "pipe", "inherit"] });
  createInterface({ input: child.stdout }).on("line", (text) => {
    const line = JSON.parse(text) as Line;
    change((view) => {
      switch (line.type) {
        case "state":
          return { ...view, state: line.value, repairs: line.repairs };
        case "clean":
          return { ...view, state: "clean" };
        case "guard.repairing":
          return { ...view, held: false, repairing: view.repairing + 1 };
        case "guard.failed":
          return { ...view, held: false, failure: line.failure.message };
        default:
          return { ...view, held: line.type === "guard.held" };
      }
    });
  });
  return child;
}

import { randomBytes } from "node:crypto";
import { cp, mkdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { ensureTools } from "../../lab/build/tools.ts";
import { claimLab } from "../../lab/lab-store.ts";
import type { Lab, LabNode, LabOptions } from "../../lab/lab-types.ts";
import { layOut } from "../../lab/layout.ts";
import { inNetns } from "../../lab/network/netns.ts";
import { bridgeAddress, buildUnderlay, cableNode } from "../../lab/network/underlay.ts";
import { endProcess, requireAlive, startProcess } from "../../lab/processes/processes.ts";
import { silent } from "../../lab/progress.ts";
import { type CommandLine, run } from "../../lab/run-command.ts";
import { stopLab } from "../../lab/stop-lab.ts";
import { issueCertificate, makeAuthority } from "./authority.ts";
import { type ComposeFile, commandOf, readComposeFile, type ServiceName, volumesOf } from "./compose-file.ts";

const source = join(import.meta.dirname, "..", "..", "..", "deploy", "headscale");

const options: LabOptions = {
  nodes: 3,
  approval: "policy",
  tuning: "default",
  hostTailscaled: [],
  behindNat: [],
  relayOnly: [],
  cacheNetworkMaps: true,
  daemon: "none",
  families: [4],
  config: {},
};

/** A copy of deploy/headscale whose services run on the underlay's own machine, and nodes that know it by name. */
export type ComposeRig = {
  readonly lab: Lab;
  /** The copy. */
  readonly folder: string;
  /** Runs shell commands in the copy, where `docker compose` starts services and executes in them as described in `docker`. */
  shell(commands: string): Promise<string>;
  /** Starts a service as its compose file says, with the files of another copy if one is given. */
  start(service: ServiceName, as?: Instance): Promise<void>;
  /** Runs a command in a service's container. */
  exec(service: string, command: CommandLine): Promise<string>;
  stop(service: ServiceName): Promise<void>;
  /** Where a service's output goes. */
  logOf(service: ServiceName): string;
  /** Starts a stock tailscaled on a node, which reaches others by a relay alone. */
  tailscaled(node: LabNode): Promise<void>;
  tailscale(node: LabNode, words: readonly string[]): Promise<string>;
  end(): Promise<void>;
};

/** Another Headscale by the same compose file: the name of its process, and its copy. */
export type Instance = { readonly name: string; readonly folder: string };

/** Lays out the underlay with three nodes; services and tailscaleds start later. */
export async function startComposeRig(domain: string): Promise<ComposeRig> {
  const tools = await ensureTools({ daemon: "none" }, silent);
  const lab = layOut(randomBytes(2).toString("hex"), options, tools, undefined);
  await claimLab(lab.id);
  try {
    await buildUnderlay(lab);
    for (const node of lab.nodes) await cableNode(lab, node);
    const folder = join(lab.folder, "deploy");
    await cp(source, folder, { recursive: true });
    const authority = await makeAuthority(lab.folder);
    for (const name of ["headscale", "derp"])
      await issueCertificate(lab.folder, `${name}.${domain}`, join(folder, "tls"));
    const hosts = join(lab.folder, "hosts");
    await writeFile(hosts, `127.0.0.1 localhost\n${bridgeAddress} headscale.${domain} derp.${domain}\n`);
    return rigOf({ lab, folder, authority, hosts });
  } catch (error) {
    await stopLab(lab.id);
    throw error;
  }
}

type Files = {
  readonly lab: Lab;
  readonly folder: string;
  readonly authority: string;
  readonly hosts: string;
};

function rigOf(files: Files): ComposeRig {
  const { lab, folder } = files;
  const logOf = (service: string) => join(lab.folder, `${service}.log`);
  const exec = async (service: string, command: CommandLine) => {
    const { pid } = await requireAlive(lab.processFolder, service);
    const [program, ...words] = command;
    const entered = ["--mount", "--net", "--root", "--wd=/", "--", `/usr/local/bin/${program}`, ...words];
    return await run(["nsenter", `--target=${pid}`, ...entered], { timeoutMs: 120_000 });
  };
  return {
    lab,
    folder,
    logOf,
    exec,
    start: (service, as = { name: service, folder }) => startService(files, service, as),
    shell: (commands) => shell(files, commands),
    stop: async (service) => endProcess(await requireAlive(lab.processFolder, service)),
    tailscaled: (node) => startTailscaled(files, node),
    tailscale: (node, words) =>
      run(inNetns(node.netns, [lab.tools.tailscale, `--socket=${node.tailscaledSocket}`, ...words]), {
        timeoutMs: 90_000,
      }),
    end: () => stopLab(lab.id),
  };
}

async function startService(files: Files, service: ServiceName, as: Instance): Promise<void> {
  const { lab, authority, hosts } = files;
  const compose: ComposeFile = await readComposeFile(as.folder);
  const program = { headscale: lab.tools.headscale, relay: lab.tools.derper }[service];
  const root = join(lab.folder, `${as.name}-root`);
  const named = join(lab.folder, `${as.name}-volumes`);
  const volumes = volumesOf(compose, service, { folder: as.folder, named });
  for (const path of [root, ...volumes.map((volume) => volume.split(":")[0] ?? "")])
    await mkdir(path, { recursive: true });
  const tmpfs = compose.services[service].tmpfs.join("\n");
  const container = join(import.meta.dirname, "container.sh");
  const described = [root, program, authority, hosts, volumes.join("\n"), tmpfs];
  await startProcess(lab.processFolder, {
    name: as.name,
    netns: lab.netns,
    command: ["unshare", "--mount", "sh", container, ...described, ...commandOf(compose, service)],
    env: {},
    logFile: join(lab.folder, `${as.name}.log`),
  });
}

/** What `docker compose exec SERVICE PROGRAM ...` is here, for README's own commands. */
async function shell({ lab, folder }: Files, commands: string): Promise<string> {
  const { pid } = await requireAlive(lab.processFolder, "headscale");
  const docker = `docker() {
    [ "$1 $2 $3" = "compose exec headscale" ] || { echo "no such command here: docker $*" >&2; return 1; }
    shift 4
    nsenter --target=${pid} --mount --net --root --wd=/ -- /usr/local/bin/${basename(lab.tools.headscale)} "$@"
  }
  npm() {
    shift 4
    ${process.execPath} ${join(source, "..", "..", "src", "cli", "main.ts")} "$@"
  }
  cd ${folder}`;
  return await run(["sh", "-euc", `${docker}\n${commands}`], { timeoutMs: 120_000 });
}

async function startTailscaled({ lab, hosts, authority }: Files, node: LabNode): Promise<void> {
  await mkdir(node.runtimeDir, { recursive: true });
  const tailscaled = [
    lab.tools.tailscaled,
    `--socket=${node.tailscaledSocket}`,
    `--statedir=${node.stateDir}`,
  ];
  const words = [...tailscaled, "--tun=userspace-networking"];
  await startProcess(lab.processFolder, {
    name: `${node.name}-tailscaled`,
    netns: node.netns,
    command: [
      "unshare",
      "--mount",
      "sh",
      "-euc",
      `mount --bind ${hosts} /etc/hosts; exec "$@"`,
      "sh",
      ...words,
    ],
    env: {
      SSL_CERT_FILE: authority,
      TS_NO_LOGS_NO_SUPPORT: "true",
      TS_DISABLE_PORTMAPPER: "1",
      TS_PANIC_IF_HIT_MAIN_CONTROL: "1",
      TS_DEBUG_ALWAYS_USE_DERP: "1",
    },
    logFile: join(node.folder, "tailscaled.log"),
  });
}

import { access, constants, mkdir, readFile, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf } from "../../adapters/files/errno-of.ts";
import { makePrivateFolders } from "../../adapters/files/private-folder.ts";
import { removeFile, replaceFile } from "../../adapters/files/write-whole.ts";
import { copyProgram, removeOthers } from "../../adapters/systemd/copy-program.ts";
import { readUnit, unitPath, unitText, unitWord } from "../../adapters/systemd/unit-text.ts";
import { runtimePaths } from "../../config/runtime-paths.ts";

const unit = "headcni-guard.service";
/** Where a unit that is WantedBy=multi-user.target is enabled (systemctl(1): enable). */
const enabled = join("multi-user.target.wants", unit);

export interface NodePlaces {
  /** Root of this image. */
  readonly image: string;
  /** The node's /etc/systemd/system. */
  readonly units: string;
  /** Of the node: /proc, which shows what runs it and what is mounted here. */
  readonly proc: string;
}

export interface BootUnitOptions {
  readonly configFile: string;
  readonly nodeName: string;
  readonly runtimeDir: string;
  readonly stateDir: string;
}

/**
 * Puts the unit that loads HeadCNI's rules at boot on a node, with a copy of the program that it runs: at that time there is no container
 * yet. Says what it did. A node that cannot have it has none, and says why. Throws FileError and errors of the file system.
 */
export async function installBootUnit(options: BootUnitOptions, places: NodePlaces): Promise<string> {
  const { configFile, nodeName, runtimeDir, stateDir } = options;
  const { bootProgram, cniSocket } = runtimePaths({ runtimeDir, stateDir });
  const hindrance = await hindranceOf(places);
  if (hindrance !== undefined) {
    await rm(bootProgram, { recursive: true, force: true });
    return `no unit for the boot: ${hindrance}`;
  }
  // It holds programs that run as whoever they belong to (su, mount).
  await makePrivateFolders(stateDir, bootProgram);
  const copy = await copyProgram({
    source: places.image,
    folder: bootProgram,
    visible: stateDir,
    mounted: await mountedOn(places.proc),
  });
  await replaceFile(join(copy, "etc/headcni/config.yaml"), await readFile(configFile, "utf8"));
  const command = ["/usr/local/bin/headcni", "--config", "/etc/headcni/config.yaml"];
  const text = unitText(
    await readUnit("headcni-guard"),
    {
      // The configuration names where the container finds them.
      command: [...command, "--set", "sysctlDir=/proc/sys", "--guard"],
      cniSocket,
      service: [
        `RootDirectory=${unitPath(copy)}`,
        "MountAPIVFS=yes",
        `BindPaths=${unitWord(stateDir)}`,
        `Environment=${unitWord(`HEADCNI_NODE_NAME=${nodeName}`)}`,
      ],
    },
    "HeadCNI's chart",
  );
  const changed = await replaceFile(join(places.units, unit), text);
  await enable(places.units);
  await removeOthers(bootProgram, copy);
  return `${unit} ${changed ? "installed" : "is up to date"}`;
}

/** Takes it away again, and says so; the program goes with the state directory. */
export async function removeBootUnit(units: string): Promise<string> {
  await removeFile(join(units, enabled));
  await removeFile(join(units, unit));
  return `${unit} is gone`;
}

async function hindranceOf({ units, proc }: NodePlaces): Promise<string | undefined> {
  const init = (await readFile(join(proc, "1/comm"), "utf8").catch(() => "")).trim();
  if (init !== "systemd") return `${init || "something unknown"} runs this node, not systemd`;
  const refusal = await access(units, constants.W_OK).then(() => undefined, errnoOf);
  return refusal === undefined ? undefined : `/etc/systemd/system cannot be written: ${refusal}`;
}

/** The link that `systemctl enable` makes. */
async function enable(units: string): Promise<void> {
  await mkdir(join(units, "multi-user.target.wants"), { recursive: true });
  await symlink(join("/etc/systemd/system", unit), join(units, enabled)).catch((error: unknown) => {
    if (errnoOf(error) !== "EEXIST") throw error;
  });
}

/** Mount points of this process, / apart (proc_pid_mountinfo(5): the fifth field, blanks and the like in octal). */
async function mountedOn(proc: string): Promise<ReadonlySet<string>> {
  const lines = (await readFile(join(proc, "self/mountinfo"), "utf8")).split("\n");
  return new Set(
    lines
      .map((line) => line.split(" ")[4] ?? "")
      .filter((path) => path !== "" && path !== "/")
      .map((path) =>
        path.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
      ),
  );
}

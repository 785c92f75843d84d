import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { readUnit, unitText } from "../../src/adapters/systemd/unit-text.ts";
import { ensurePackages } from "../lab/build/debian-packages.ts";
import { stderrProgress } from "../lab/progress.ts";
import { runResult } from "../lab/run-command.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const folder = join(import.meta.dirname, "..", "..", "deploy", "systemd");
const installed = /\/(?:usr\/local\/bin|opt\/headcni)\/[\w/.-]+/g;

beforeAll(() => ensurePackages(stderrProgress(), { "systemd-analyze": "systemd" }), 300_000);

/** The units as they are on a node where HeadCNI is installed below `root`: systemd looks for the programs. */
async function unitsBelow(
  root: string,
  change: (text: string) => string = (text) => text,
): Promise<string[]> {
  const units: string[] = [];
  for (const name of await readdir(folder)) {
    const text = await readFile(join(folder, name), "utf8");
    for (const program of text.match(installed) ?? []) {
      await mkdir(dirname(join(root, program)), { recursive: true });
      await writeFile(join(root, program), "#!/bin/sh\n");
      await chmod(join(root, program), 0o755);
    }
    units.push(join(root, name));
    await writeFile(join(root, name), change(text.replaceAll(installed, (program) => join(root, program))));
  }
  return units;
}

test("systemd understands every line of the units", async () => {
  const units = await unitsBelow(temporaryDirectory());
  expect(units).toHaveLength(3);
  const result = await runResult(["systemd-analyze", "verify", "--man=no", ...units]);
  expect(result).toMatchObject({ exitCode: 0, stderr: "" });
});

test("and would tell of a line that it does not understand", async () => {
  const units = await unitsBelow(temporaryDirectory(), (text) => text.replace("Restart=", "Restarts="));
  expect((await runResult(["systemd-analyze", "verify", "--man=no", ...units])).stderr).toContain("Restarts");
});

const command = [process.execPath, "/a folder/100%/any.mjs", "--config", "/etc/headcni/config.yaml"];

test("what headcnictl install writes are both services, as they are delivered, with their own commands", async () => {
  const wire = unitText(await readUnit("headcni-wire"), { command });
  const daemon = unitText(await readUnit("headcni"), { command });
  expect(daemon).toMatch(/^Wants=.* headcni-wire\.service$/m);
  expect(daemon).toMatch(/^CapabilityBoundingSet=/m);
  expect(daemon).toContain(
    `ExecStart=${process.execPath} "/a folder/100%%/any.mjs" --config /etc/headcni/config.yaml\n`,
  );
  expect(daemon).not.toMatch(/usr.local|ExecStartPre/);
  await expectUnderstood({ "headcni-wire": wire, headcni: daemon });
});

test("beside the node's own tailscaled the daemon comes after that one, and the rules before it", async () => {
  const guard = unitText(await readUnit("headcni-guard"), {
    command: [...command, "--guard"],
    cniSocket: "/run/100% ours/cni.sock",
  });
  const daemon = unitText(await readUnit("headcni"), { command, carrier: "tailscaled" });
  expect(guard).toMatch(/^Before=.*tailscaled\.service headcni\.service /m);
  expect(guard).toContain("config.yaml --guard\n");
  expect(guard).toContain("ConditionPathExists=!/run/100%% ours/cni.sock\n");
  for (const setting of ["Wants", "After"])
    expect(daemon).toMatch(new RegExp(`^${setting}=.* tailscaled\\.service$`, "m"));
  expect(daemon).not.toContain("headcni-wire");
  await expectUnderstood({ "headcni-guard": guard, headcni: daemon });
});

async function expectUnderstood(units: Readonly<Record<string, string>>): Promise<void> {
  const root = temporaryDirectory();
  const files: string[] = [];
  for (const [name, text] of Object.entries(units)) {
    files.push(join(root, `${name}.service`));
    await writeFile(join(root, `${name}.service`), text);
  }
  const result = await runResult(["systemd-analyze", "verify", "--man=no", ...files]);
  expect(result).toMatchObject({ exitCode: 0, stderr: "" });
}

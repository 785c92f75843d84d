import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { readUnit, unitText } from "../../src/cli/install/unit-text.ts";
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
  expect(units).toHaveLength(2);
  const result = await runResult(["systemd-analyze", "verify", "--man=no", ...units]);
  expect(result).toMatchObject({ exitCode: 0, stderr: "" });
});

test("and would tell of a line that it does not understand", async () => {
  const units = await unitsBelow(temporaryDirectory(), (text) => text.replace("Restart=", "Restarts="));
  expect((await runResult(["systemd-analyze", "verify", "--man=no", ...units])).stderr).toContain("Restarts");
});

test("what headcnictl install writes are both services, as they are delivered, with their own commands", async () => {
  const command = [process.execPath, "/a folder/100%/any.mjs", "--config", "/etc/headcni/config.yaml"];
  const units = (["headcni-wire", "headcni"] as const).map(
    async (name) => [name, unitText(await readUnit(name), command)] as const,
  );
  const [wire, daemon] = await Promise.all(units);
  expect(daemon?.[1]).toMatch(/^Wants=.* headcni-wire\.service$/m);
  expect(daemon?.[1]).toMatch(/^CapabilityBoundingSet=/m);
  expect(daemon?.[1]).toContain(
    `ExecStart=${process.execPath} "/a folder/100%%/any.mjs" --config /etc/headcni/config.yaml\n`,
  );
  expect(daemon?.[1]).not.toMatch(/usr.local|ExecStartPre/);
  await expectUnderstood([wire, daemon].flatMap((unit) => (unit === undefined ? [] : [unit])));
});

async function expectUnderstood(units: readonly (readonly [name: string, text: string])[]): Promise<void> {
  const root = temporaryDirectory();
  const files: string[] = [];
  for (const [name, text] of units) {
    files.push(join(root, `${name}.service`));
    await writeFile(join(root, `${name}.service`), text);
  }
  const result = await runResult(["systemd-analyze", "verify", "--man=no", ...files]);
  expect(result).toMatchObject({ exitCode: 0, stderr: "" });
}

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { allCommands } from "../../src/cli/all-commands.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { runWords } from "./run-words.ts";

/** What bash offers for the last of the words. */
async function offered(words: readonly string[]): Promise<readonly string[]> {
  const script = join(temporaryDirectory(), "completion");
  writeFileSync(script, (await runWords(["completion", "bash"])).stdout);
  const program = `source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _headcnictl; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const printed = execFileSync("bash", ["-c", program, script, "headcnictl", ...words], { encoding: "utf8" });
  return printed.split("\n").filter((line) => line !== "");
}

test("bash completes every command", async () => {
  expect(await offered([""])).toEqual(allCommands.map(({ name }) => name));
});

test.each([
  { words: ["config", "val"], expected: ["validate"] },
  { words: ["-o", "json", "config", "e"], expected: ["explain"] },
  { words: ["machines", "--st"], expected: ["--state", "--stuck"] },
  { words: ["status", "-o", ""], expected: ["human", "json"] },
  { words: ["completion", ""], expected: ["bash", "zsh", "fish"] },
])("bash completes $words", async ({ words, expected }) => {
  expect(await offered(words)).toEqual(expected);
});

test.each(["zsh", "fish"])("the script for %s knows every command and its options", async (shell) => {
  const { stdout, exitCode } = await runWords(["completion", shell]);
  expect(exitCode).toBe(0);
  for (const { name } of allCommands) expect(stdout).toContain(name);
  expect(stdout).toContain("stuck");
});

test("another shell is refused with those that there are", async () => {
  const ran = await runWords(["completion", "powershell"]);
  expect(ran).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("bash, zsh, fish") });
});

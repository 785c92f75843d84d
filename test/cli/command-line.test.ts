import { join } from "node:path";
import { expect, test } from "vitest";
import type { CliCommand } from "../../src/cli/command.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { runWords } from "./run-words.ts";

test.each([
  { words: ["machins"], meant: "did you mean headcnictl machines?" },
  { words: ["actors"], meant: "did you mean headcnictl machines?" },
  { words: ["machines", "--stat", "x"], meant: "did you mean --state?" },
  { words: ["machines", "--watsh"], meant: "did you mean --watch?" },
  { words: ["metrics", "a", "b"], meant: "see headcnictl metrics --help" },
  { words: ["version", "-o", "xml"], meant: "Allowed choices are human, json" },
])("$words is refused with the nearest right command", async ({ words, meant }) => {
  const ran = await runWords(words);
  expect(ran).toMatchObject({ exitCode: 2, stdout: "", stderr: expect.stringContaining(meant) });
});

test("a word near nothing gets no guess, but the way to the help", async () => {
  const ran = await runWords(["xyzzyxyzzy"]);
  expect(ran.stderr).toBe("headcnictl: unknown command 'xyzzyxyzzy'\nsee headcnictl --help\n");
});

test("without words the help is printed, and scripts are told that nothing was done", async () => {
  const ran = await runWords([]);
  expect(ran.exitCode).toBe(2);
  expect(ran.stdout).toContain("Usage: headcnictl");
  expect(ran.stdout).toContain("3    no daemon answers there");
});

test("asking for help is no error", async () => {
  expect(await runWords(["machines", "--help"])).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining("--stuck"),
  });
});

test("a daemon that does not run is told from other failures", async () => {
  const socket = join(temporaryDirectory(), "http.sock");
  const ran = await runWords(["machines", "--socket", socket]);
  expect(ran).toMatchObject({ exitCode: 3, stdout: "" });
  expect(ran.stderr).toContain(socket);
  expect(ran.stderr).toContain("is the daemon running");
});

test("with -o json an error is a document, too", async () => {
  const ran = await runWords(["-o", "json", "machines", "--socket", "/nowhere/http.sock"]);
  expect(JSON.parse(ran.stdout)).toEqual({
    apiVersion: "headcnictl/v1",
    kind: "Error",
    error: { code: "DAEMON_UNREACHABLE", message: expect.stringContaining("/nowhere/http.sock") },
  });
});

const painter: CliCommand = {
  name: "paint",
  summary: "paints",
  run: async ({ context }) => {
    context.out(`${context.style.good("green")} ${context.width}`);
    return 0;
  },
};

test.each([
  { environment: {}, words: ["paint"], terminal: 80, painted: true },
  { environment: { NO_COLOR: "1" }, words: ["paint"], terminal: 80, painted: false },
  { environment: { TERM: "dumb" }, words: ["paint"], terminal: 80, painted: false },
  { environment: {}, words: ["paint", "--no-color"], terminal: 80, painted: false },
  { environment: {}, words: ["paint"], terminal: undefined, painted: false },
  { environment: { FORCE_COLOR: "1" }, words: ["paint"], terminal: undefined, painted: true },
])("colours: $words $environment on a terminal of $terminal columns: $painted", async (row) => {
  const { environment, words, terminal, painted } = row;
  const ran = await runWords(words, {
    commands: [painter],
    environment,
    ...(terminal !== undefined && { terminal }),
  });
  expect(ran.stdout.includes("\u001b[32m")).toBe(painted);
  expect(ran.stdout).toContain(terminal === undefined ? " 100" : " 80");
});

test("a terminal wider than 100 columns is not filled", async () => {
  expect((await runWords(["paint"], { commands: [painter], terminal: 240 })).stdout).toContain(" 100");
});

test("what a command throws without an explanation is a failure, not a crash", async () => {
  const broken: CliCommand = {
    name: "break",
    summary: "breaks",
    run: () => Promise.reject(new TypeError("no such thing")),
  };
  const ran = await runWords(["break"], { commands: [broken] });
  expect(ran).toMatchObject({ exitCode: 5, stderr: "headcnictl: no such thing\n" });
});

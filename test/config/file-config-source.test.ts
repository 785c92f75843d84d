import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { createActor } from "xstate";
import type { ConfigReport } from "../../machines/config/config-machine.ts";
import { configMachine } from "../../machines/config/config-machine.ts";
import { configActors } from "../../src/actors/config-actors.ts";
import { createFileConfigSource } from "../../src/config/file-config-source.ts";
import { createKeyReaders } from "../../src/config/keys/key-reader.ts";
import { loadConfig } from "../../src/config/load-config.ts";
import { watchFiles } from "../../src/config/watch-files.ts";
import { recorder } from "../support/machines/recorder.ts";
import { until } from "../support/until.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "headcni-watch-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const content = (level: string, mtu = 1280) =>
  [
    `headscale: { url: "http://10.99.0.1:8080", authKeyFile: ${join(directory, "auth-key")} }`,
    `network: { podCIDR: 10.244.0.0/16, nodePodCIDR: 10.244.1.0/24, mtu: ${mtu} }`,
    `logging: { level: ${level} }`,
  ].join("\n");

/** Counts what `watchFiles` tells about the file, with a way to wait for one more. */
function watched(file: string) {
  const seen = { touched: 0, failed: 0 };
  const { stop } = watchFiles(
    () => [file],
    () => {
      seen.touched += 1;
    },
    () => {
      seen.failed += 1;
    },
  );
  const next = async () => {
    const before = seen.touched;
    await until(() => seen.touched > before, "a touch");
  };
  return { seen, stop, next };
}

describe("watching the configuration file", () => {
  test("is not moved by what else is written in its directory, and still sees the file among it", async () => {
    const file = join(directory, "config.yaml");
    writeFileSync(file, "a");
    const { seen, next, stop } = watched(file);
    const log = setInterval(() => appendFileSync(join(directory, "daemon.log"), "line\n"), 20);
    try {
      writeFileSync(file, "b");
      await next();
      await until(() => statSync(join(directory, "daemon.log")).size > 150, "more log lines");
      expect(seen.touched).toBe(1);
      writeFileSync(file, "c");
      await next();
      expect(seen.touched).toBe(2);
    } finally {
      clearInterval(log);
      stop();
    }
  });

  test("sees a write, a rename over it, and its return after it was away", async () => {
    const file = join(directory, "config.yaml");
    writeFileSync(file, "a");
    const { next, stop } = watched(file);
    const steps = [
      () => writeFileSync(file, "b"),
      () => {
        writeFileSync(`${file}.new`, "c");
        renameSync(`${file}.new`, file);
      },
      () => rmSync(file),
      () => writeFileSync(file, "d"),
    ];
    for (const step of steps) {
      const seen = next();
      step();
      await seen;
    }
    stop();
  });

  test("sees each swap of a Kubernetes volume", async () => {
    const publish = (name: string) => {
      mkdirSync(join(directory, name));
      writeFileSync(join(directory, name, "config.yaml"), name);
      symlinkSync(name, join(directory, "..data_tmp"));
      renameSync(join(directory, "..data_tmp"), join(directory, "..data"));
    };
    publish("..1");
    symlinkSync("..data/config.yaml", join(directory, "config.yaml"));
    const { next, stop, seen } = watched(join(directory, "config.yaml"));
    for (const version of ["..2", "..3"]) {
      const touch = next();
      publish(version);
      rmSync(join(directory, `..${Number(version.slice(2)) - 1}`), { recursive: true });
      await touch;
    }
    expect(seen.failed).toBe(0);
    stop();
  });

  test("says so when the directory is gone", async () => {
    const inner = join(directory, "etc");
    mkdirSync(inner);
    const { seen } = watched(join(inner, "config.yaml"));
    rmSync(inner, { recursive: true });
    await until(() => seen.failed === 1, "the loss of the directory");
  });

  test("tells nothing more once it was stopped", async () => {
    const file = join(directory, "config.yaml");
    writeFileSync(file, "a");
    const stopped = watched(file);
    const other = watched(file);
    stopped.stop();
    const seen = other.next();
    writeFileSync(file, "b");
    await seen;
    expect(stopped.seen.touched).toBe(0);
    other.stop();
  });
});

/** The config machine follows a file in which `headscale` changes, and files with keys. */
function followKeys() {
  const file = join(directory, "config.yaml");
  const write = (headscale: string) =>
    writeFileSync(
      file,
      [
        `headscale: { url: "http://10.99.0.1:8080", approval: api, ${headscale} }`,
        `network: { podCIDR: 10.244.0.0/16, nodePodCIDR: 10.244.1.0/24 }`,
      ].join("\n"),
    );
  const key = (name: string, text: string) => {
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  };
  write(`authKeyFile: ${key("auth", "hskey-auth-1")}, apiKeyFile: ${key("api", "hskey-api-1")}`);
  const sources = { file, environment: {}, flags: [] };
  const source = createFileConfigSource({
    sources,
    config: loadConfig(sources),
    apply: () => undefined,
    refused: () => undefined,
  });
  const parent = recorder<ConfigReport>();
  const actor = createActor(configMachine.provide({ actors: configActors(source) }), {
    input: { parent: parent.ref },
  }).start();
  onTestFinished(() => void actor.stop());
  const changed = (count: number) => until(() => parent.events.length === count, `${count} changes`);
  const reached = (state: "watching" | "refused") =>
    until(() => actor.getSnapshot().matches({ following: state }), state);
  return { write, key, keys: createKeyReaders(source.current), parent, changed, reached };
}

test("credentials at a new path hold at once, and what is written there later, too", async () => {
  mkdirSync(join(directory, "new"));
  const { write, key, keys, parent, changed } = followKeys();
  write(`authKeyFile: ${key("new/auth", "hskey-auth-2")}, apiKeyFile: ${key("new/api", "hskey-api-2")}`);
  await changed(1);
  expect([keys.authKey(), keys.apiKey()]).toEqual([{ key: "hskey-auth-2" }, { key: "hskey-api-2" }]);
  key("new/api", "hskey-api-3");
  await changed(2);
  expect(parent.events[1]).toMatchObject({ changes: [{ path: "headscale.apiKey" }] });
  write(`authKey: hskey-auth-4, apiKeyFile: ${join(directory, "new/api")}`);
  await changed(3);
  expect([keys.authKey(), keys.apiKey()]).toEqual([{ key: "hskey-auth-4" }, { key: "hskey-api-3" }]);
});

test.each([
  ["is there", "auth-2", () => undefined],
  ["holds a key", "auth-2", (path: string) => writeFileSync(path, "")],
  ["has its directory", "later/on/auth-2", () => undefined],
])("a file with a key that is named before it %s is taken once it comes", async (_, name, prepare) => {
  const { write, key, keys, changed, reached } = followKeys();
  await reached("watching");
  prepare(join(directory, name));
  write(`authKeyFile: ${join(directory, name)}, apiKeyFile: ${join(directory, "api")}`);
  await reached("refused");
  expect(keys.authKey()).toEqual({ key: "hskey-auth-1" });
  mkdirSync(dirname(join(directory, name)), { recursive: true });
  key(name, "hskey-auth-2");
  await changed(1);
  expect(keys.authKey()).toEqual({ key: "hskey-auth-2" });
  await reached("watching");
});

test("the configuration is followed while the directory of a key is away", async () => {
  mkdirSync(join(directory, "new"));
  const { write, key, keys, changed, reached } = followKeys();
  write(`authKeyFile: ${key("new/auth", "hskey-auth-2")}, apiKeyFile: ${join(directory, "api")}`);
  await changed(1);
  rmSync(join(directory, "new"), { recursive: true });
  await reached("refused");
  write(`authKeyFile: ${join(directory, "auth")}, apiKeyFile: ${join(directory, "api")}`);
  await changed(2);
  expect(keys.authKey()).toEqual({ key: "hskey-auth-1" });
});

test("everything is read again on request, also where nothing was touched", async () => {
  const file = join(directory, "config.yaml");
  writeFileSync(join(directory, "auth-key"), "hskey-auth-1-secret");
  writeFileSync(file, content("info"));
  const sources = { file, environment: {}, flags: [] };
  const source = createFileConfigSource({
    sources,
    config: loadConfig(sources),
    apply: () => undefined,
    refused: () => undefined,
  });
  const touched: string[] = [];
  const stop = source.watch(
    () => touched.push("once"),
    () => touched.push("failed"),
  );
  source.reread();
  stop();
  source.reread();
  expect(touched).toEqual(["once"]);
});

test("a running daemon takes a new log level from the file, and only that", async () => {
  const file = join(directory, "config.yaml");
  writeFileSync(join(directory, "auth-key"), "hskey-auth-1-secret");
  writeFileSync(file, content("info"));
  const sources = { file, environment: {}, flags: [] };
  const applied: string[] = [];
  const told: string[] = [];
  const source = createFileConfigSource({
    sources,
    config: loadConfig(sources),
    apply: (config, changes) => {
      applied.push(...changes.map(({ path }) => path), config.logging.level, String(config.network.mtu));
    },
    refused: ({ refused, problems }) => told.push(...[...refused, ...problems].map(({ path }) => path)),
  });
  const parent = recorder<ConfigReport>();
  const actor = createActor(configMachine.provide({ actors: configActors(source) }), {
    input: { parent: parent.ref },
  }).start();
  const reached = (state: "watching" | "refused") =>
    until(() => actor.getSnapshot().matches({ following: state }), state);
  await reached("watching");
  writeFileSync(file, content("debug", 1400));
  await reached("refused");
  expect(applied).toEqual(["logging.level", "debug", "1280"]);
  expect(new Set(told)).toEqual(new Set(["network.mtu"]));
  writeFileSync(file, "logging: 7");
  await until(() => actor.getSnapshot().context.review.problems.length > 0, "problems");
  expect(actor.getSnapshot().matches({ following: "refused" })).toBe(true);
  expect(told).toContain("logging");
  writeFileSync(file, content("debug"));
  await reached("watching");
  writeFileSync(join(directory, "auth-key"), "hskey-auth-2-geheim");
  await until(() => applied.includes("headscale.authKey"), "the new key");
  expect(JSON.stringify(parent.events)).not.toContain("geheim");
  actor.stop();
});

import { mkdirSync, rmSync } from "node:fs";
import { inspect } from "node:util";
import { afterAll, describe, expect, test } from "vitest";
import { readKey } from "../../src/config/keys/key-reader.ts";
import { createSecret } from "../../src/config/secret.ts";
import { openConfigDirectory } from "./config-fixture.ts";

const directory = openConfigDirectory();
afterAll(() => directory[Symbol.dispose]());
mkdirSync(`${directory.path}/folder`);
const empty = directory.write("empty", "\n");
const twoWords = directory.write("two-words", "one two");
const long = directory.write("long", "x".repeat(4097));
const longest = directory.write("longest", "x".repeat(4096));

const network = "network: { podCIDR: 10.244.0.0/16, nodePodCIDR: 10.244.1.0/24 }";
const withHeadscale = (keys: string) => `headscale: { url: "http://10.99.0.1:8080", ${keys} }\n${network}`;
const { authKeyFile, apiKeyFile, load, problems } = directory;

describe("credentials", () => {
  test("are read from their files, without the line end", () => {
    const config = load(
      withHeadscale(`authKeyFile: ${authKeyFile}, apiKeyFile: ${apiKeyFile}, approval: api`),
    );
    expect(config.headscale.authKey?.reveal()).toBe("hskey-auth-abc123-secretsecret");
    expect(config.headscale.apiKey?.reveal()).toBe("hskey-api-abc123-secretsecret");
  });

  test("with an API key need no auth key", () => {
    expect(load(withHeadscale(`apiKeyFile: ${apiKeyFile}, approval: api`)).headscale.authKey).toBeUndefined();
  });

  test.each([
    ["neither key nor file", "approval: policy", "headscale.authKeyFile"],
    ["both key and file", `authKey: k, authKeyFile: ${authKeyFile}`, "headscale.authKeyFile"],
    ["api without an API key", `authKeyFile: ${authKeyFile}, approval: api`, "headscale.apiKeyFile"],
    [
      "an API key nobody uses",
      `authKeyFile: ${authKeyFile}, apiKeyFile: ${apiKeyFile}`,
      "headscale.apiKeyFile",
    ],
    ["a missing file", `authKeyFile: ${directory.path}/none`, "headscale.authKeyFile"],
    ["a folder", `authKeyFile: ${directory.path}/folder`, "headscale.authKeyFile"],
    ["an empty file", `authKeyFile: ${empty}`, "headscale.authKeyFile"],
    ["a file of two words", `authKeyFile: ${twoWords}`, "headscale.authKeyFile"],
    ["a file too large for a key", `authKeyFile: ${long}`, "headscale.authKeyFile"],
  ])("are refused when there is %s", (_title, keys, path) => {
    expect(problems(withHeadscale(keys))).toEqual([expect.objectContaining({ path })]);
  });

  test("of 4096 bytes are keys still; a file of nothing, a folder and a word that does not print are none", () => {
    expect(readKey({ file: longest })).toEqual({ key: "x".repeat(4096) });
    expect(readKey({ file: long })).toEqual({ fault: `${long}: 4097 bytes, more than a key has` });
    expect(readKey({ file: empty })).toEqual({ fault: `${empty}: empty` });
    expect(readKey({ file: `${directory.path}/folder` })).toEqual({
      fault: `${directory.path}/folder: not a regular file`,
    });
    expect(readKey({ file: directory.write("unprintable", "k\u0007y") })).toMatchObject({
      fault: expect.stringContaining("printable ASCII"),
    });
  });

  test("are refused on the command line", () => {
    const found = problems(withHeadscale(`authKeyFile: ${authKeyFile}`), {
      flags: ["headscale.authKey=geheim"],
    });
    expect(found).toEqual([
      expect.objectContaining({
        wanted: "must come from headscale.authKeyFile or HEADCNI_HEADSCALE_AUTH_KEY",
      }),
    ]);
    expect(JSON.stringify(found)).not.toContain("geheim");
  });

  test("never appear in an error, even when they are what is wrong", () => {
    for (const line of ['authKey: "geheim geheim"', `authKeyFile: ${twoWords}`]) {
      const found = problems(withHeadscale(line));
      expect(found).toEqual([
        expect.objectContaining({ path: expect.stringContaining("headscale.authKey") }),
      ]);
      expect(JSON.stringify(found)).not.toMatch(/geheim|one two/);
    }
  });
});

test("a secret prints as [redacted] however it is printed", () => {
  const secret = createSecret("geheim");
  expect(secret.reveal()).toBe("geheim");
  for (const shown of [
    JSON.stringify({ secret }),
    `${secret}`,
    inspect({ secret }),
    inspect(secret, { showHidden: true }),
  ]) {
    expect(shown).not.toContain("geheim");
    expect(shown).toContain("[redacted]");
  }
});

describe("a key reader", () => {
  test("reads the file anew each time, so that a rotated key is found", () => {
    const file = directory.write("rotated", "key-1");
    expect(readKey({ file })).toEqual({ key: "key-1" });
    directory.write("rotated", "key-2");
    expect(readKey({ file })).toEqual({ key: "key-2" });
    rmSync(file);
    expect(readKey({ file })).toEqual({ fault: `${file}: ENOENT` });
  });

  test("falls back to the value given directly, and says when there is none", () => {
    expect(readKey({ value: createSecret("key-3") })).toEqual({ key: "key-3" });
    expect(readKey({})).toEqual({ fault: "none was given" });
  });
});

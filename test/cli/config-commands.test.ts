import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createKeyCatalogue } from "../../src/config/keys/key-catalogue.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { runWords } from "./run-words.ts";

const good = `
nodeName: n1
headscale: { url: "http://10.99.0.1:8080", authKey: hskey-auth-abc-MARKEDSECRET }
network: { podCIDR: 10.244.0.0/16, nodePodCIDR: 10.244.1.0/24, mtu: 1300 }
tailscale: { environment: { TS_AUTHKEY: MARKEDVARIABLE } }
`;

function configFile(content: string): string {
  const file = join(temporaryDirectory(), "config.yaml");
  writeFileSync(file, content);
  return file;
}

test("show tells each value and its source, and no secret", async () => {
  const file = configFile(good);
  const environment = { HEADCNI_IPAM_STRATEGY: "dense" };
  for (const format of ["human", "json"]) {
    const { stdout, exitCode } = await runWords(["config", "show", "--config", file, "-o", format], {
      environment,
    });
    expect(exitCode).toBe(0);
    expect(stdout).not.toContain("MARKED");
  }
  const { stdout } = await runWords(["config", "show", "--changed", "--config", file, "-o", "json"], {
    environment,
  });
  const { kind, values } = JSON.parse(stdout);
  expect(kind).toBe("Config");
  expect(values).toContainEqual({ path: "network.mtu", value: 1300, source: "config.yaml:4:64" });
  expect(values).toContainEqual({ path: "ipam.strategy", value: "dense", source: "HEADCNI_IPAM_STRATEGY" });
  expect(values.map(({ path }: { path: string }) => path)).not.toContain("network.masquerade");
});

test("validate lists every problem with its place, and its exit code says so", async () => {
  const file = configFile(good.replace("mtu: 1300", "mtu: many").replace("nodeName", "nodename"));
  const { stdout, exitCode } = await runWords(["config", "validate", file]);
  expect(exitCode).toBe(1);
  expect(stdout).toContain("2 problems");
  expect(stdout).toContain("perhaps nodeName was meant");
  expect(stdout).toContain('found "many"; must be a whole number from 576 to 65455');
  const json = JSON.parse((await runWords(["config", "validate", file, "-o", "json"])).stdout);
  expect(json).toMatchObject({ kind: "ConfigValidation", valid: false, file });
  expect(json.problems).toHaveLength(2);
});

test("a valid file is called valid", async () => {
  const file = configFile(good);
  expect(await runWords(["config", "validate", "--config", file])).toMatchObject({
    exitCode: 0,
    stdout: `${file}: valid\n`,
  });
});

test("explain knows every key by its path and by its variable", async () => {
  for (const { path, variable } of createKeyCatalogue().keys)
    for (const word of [path, variable]) {
      const { stdout } = await runWords(["config", "explain", word, "-o", "json"]);
      expect(JSON.parse(stdout).keys.map((key: { path: string }) => key.path)).toEqual([path]);
    }
});

test.each([
  ["mtu", "network.mtu"],
  ["network.mut", "network.mtu"],
  ["headscale.authkey", "headscale.authKey"],
])("explain %s asks whether %s was meant", async (word, meant) => {
  const ran = await runWords(["config", "explain", word]);
  expect(ran).toMatchObject({ exitCode: 4, stderr: expect.stringContaining(`did you mean ${meant}?`) });
});

test("no line is longer than 100 columns", async () => {
  const file = configFile(good);
  for (const words of [["config", "explain"], ["config", "show", "--config", file], ["--help"]])
    for (const line of (await runWords(words)).stdout.split("\n"))
      expect(line.length).toBeLessThanOrEqual(100);
});

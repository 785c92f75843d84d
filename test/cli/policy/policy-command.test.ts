import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { runWords } from "../run-words.ts";
import { accessWords, clusterWords, headscaleWords, Refusal } from "./scripted-servers.ts";

const pods = ["--pod-cidr", "10.244.0.0/16"];
const alone = [...pods, "--without-nodes"];
const nobody = "http://127.0.0.1:1";

function fileWith(text: string, name = "policy.hujson"): string {
  const file = join(temporaryDirectory(), name);
  writeFileSync(file, text);
  return file;
}

const printed = async (...words: readonly string[]) => (await runWords(["policy", ...words])).stdout;

test("the least policy is printed with what each part is for, and as JSON", async () => {
  expect(await printed(...alone)).toBe(`{
  // Nobody owns the nodes' tag: pre-auth keys alone give it to a machine.
  "tagOwners": {"tag:k8s-node": []},

  // Headscale approves the pods' prefixes that nodes announce.
  "autoApprovers": {"routes": {"10.244.0.0/16": ["tag:k8s-node"]}},

  // Pods reach pods. All else is closed, also between other members: add their rules here.
  "grants": [
    {"src": ["10.244.0.0/16"], "dst": ["10.244.0.0/16"], "ip": ["*"]}
  ],

  // Nodes keep the network map on disk, and can boot while Headscale is away.
  "nodeAttrs": [
    {"target": ["tag:k8s-node"], "attr": ["cache-network-maps"]}
  ],

  // Headscale refuses a change that cuts pods off, or that joins pods and other members.
  "tests": [
    {"src": "10.244.0.1", "proto": "tcp", "accept": ["10.244.255.254:443"]},
    {"src": "10.244.255.254", "proto": "udp", "accept": ["10.244.0.1:53"]},
    {"src": "10.244.0.1", "deny": ["100.100.100.100:443"]},
    {"src": "100.64.0.0/10", "deny": ["10.244.0.1:443", "10.244.255.254:443"]}
  ]
}
`);
  const json = JSON.parse(await printed(...alone, "-o", "json"));
  expect(json).toMatchObject({ kind: "Policy", nodes: null, policy: { tagOwners: { "tag:k8s-node": [] } } });
});

test("the configuration says what the command line does not", async () => {
  const config = fileWith(
    "network: {podCIDR: [10.244.0.0/16, fd00:10:244::/48]}\ntailscale: {mode: host, tags: [tag:x]}\nunknown: 1\n",
    "config.yaml",
  );
  const { policy } = JSON.parse(await printed("--config", config, "--without-nodes", "-o", "json"));
  expect(policy.autoApprovers.routes).toEqual({
    "10.244.0.0/16": ["tag:x"],
    "fd00:10:244::/48": ["tag:x"],
  });
  expect(policy.grants).toHaveLength(3);
  const other = ["--mode", "daemon", "--tags", "tag:y"];
  const changed = JSON.parse(await printed("--config", config, ...other, "--without-nodes", "-o", "json"));
  expect(changed.policy.grants).toHaveLength(2);
  expect(changed.policy.tagOwners).toEqual({ "tag:y": [] });
});

test("Nodes are known by what Headscale says of their machines, and users by name", async () => {
  const cluster = await clusterWords(
    [
      { name: "n1", address: "100.64.0.1", tailnetId: "1" },
      { name: "n2", address: "100.64.0.2", tailnetId: "2" },
    ],
    { address: "100.64.0.1", port: 6443 },
  );
  const headscale = await headscaleWords({
    "/api/v1/node": {
      nodes: [
        { id: "1", tags: ["tag:k8s-node"], user: { name: "tagged-devices" }, ipAddresses: ["100.64.0.1"] },
        { id: "2", tags: [], user: { name: "alice" }, ipAddresses: ["100.64.0.2"] },
        { id: "3", tags: [], user: { name: "mallory" }, ipAddresses: ["100.64.0.3"] },
      ],
    },
    "/api/v1/policy": new Refusal(500, { code: 2, message: "acl policy not found" }),
  });
  const { policy, nodes } = JSON.parse(await printed(...pods, ...cluster, ...headscale, "-o", "json"));
  expect(nodes).toBe(2);
  const both = ["alice@", "tag:k8s-node"];
  expect(policy.autoApprovers.routes).toEqual({ "10.244.0.0/16": both });
  expect(policy.grants[1]).toEqual({ src: both, dst: both, ip: ["tcp:6443", "tcp:10250"] });

  const named = JSON.parse(await printed(...pods, ...cluster, "--users", "bob@", "-o", "json"));
  expect(named.policy.autoApprovers.routes).toEqual({ "10.244.0.0/16": ["bob@"] });

  // None was ever set.
  const check = await runWords(["policy", "check", ...pods, ...cluster, ...headscale, "-o", "json"]);
  expect(check.exitCode).toBe(1);
  expect(JSON.parse(check.stdout).findings.map(({ part }: { part: string }) => part)).toEqual([
    ...["tagOwners", "autoApprovers", "nodeAttrs", "tests", "rules"],
  ]);
});

test("an account that may not know where the API server is gets its usual port", async () => {
  const cluster = await clusterWords([{ name: "n1", address: "100.64.0.1" }]);
  const { policy } = JSON.parse(await printed(...pods, ...cluster, "-o", "json"));
  expect(policy.grants[1].ip).toEqual(["tcp:6443", "tcp:10250"]);
});

test("check finds nothing in what is printed, and says what it finds with its place", async () => {
  const least = await printed(...alone);
  const good = fileWith(least);
  expect(await runWords(["policy", "check", "--file", good, ...alone])).toMatchObject({
    exitCode: 0,
    stdout: `${good}: It gives this cluster what it needs, and no more.\n`,
  });
  const wide = fileWith(
    least
      .replace('"tag:k8s-node": []', '"tag:k8s-node": ["alice@"]')
      .replace(/"nodeAttrs": \[[^\]]*\], "attr": \[[^\]]*\]\}\n {2}\]/, '"nodeAttrs": []'),
  );
  const { exitCode, stdout } = await runWords(["policy", "check", "--file", wide, ...alone]);
  expect(exitCode).toBe(1);
  expect(stdout).toContain("MISSING   nodeAttrs do not give tag:k8s-node the attribute cache-network-maps");
  expect(stdout.replace(/\s+/g, " ")).toContain(`WIDE alice@ may give a machine tag:k8s-node (${wide}:3:34)`);
  expect(stdout).toContain(`${wide}: 1 missing, 1 too wide.\n`);
  for (const line of stdout.split("\n").filter((text) => !text.includes(wide)))
    expect(line.length).toBeLessThanOrEqual(100);
});

describe("an error names what was wrong, where, and what would be right", () => {
  const check = (...words: readonly string[]) => ["check", ...words, ...alone];
  test.each<[string, () => readonly string[] | Promise<readonly string[]>, number, string]>([
    ["no pods' addresses", () => ["--without-nodes"], 2, "give --config FILE, or --pod-cidr 10.244.0.0/16"],
    [
      "host bits",
      () => ["--pod-cidr", "10.244.0.1/16"],
      2,
      'network.podCIDR (--pod-cidr): found "10.244.0.1/16"; has host bits set; must be 10.244.0.0/16',
    ],
    [
      "a tag that is none",
      () => [...alone, "--tags", "node"],
      2,
      '(--tags): found "node"; must be a list of tags such as',
    ],
    [
      "a user that is none",
      () => [...alone, "--users", "alice"],
      2,
      "--users alice: a user is written alice@",
    ],
    ["a configuration that is not there", () => [...alone, "--config", "/none"], 2, "/none: found ENOENT"],
    ["no kubeconfig", () => [...pods, "--kubeconfig", "/none"], 2, "or give --without-nodes"],
    [
      "no API server",
      () => [
        ...pods,
        "--kubeconfig",
        fileWith(
          `{current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}], users: [{name: u, user: {token: t}}],
            clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]}`,
          "kubeconfig",
        ),
      ],
      5,
      "the Nodes cannot be read: ",
    ],
    ["no Nodes", async () => [...pods, ...(await clusterWords([]))], 4, "the cluster has no Nodes yet"],
    ["no policy to check", () => check(), 2, "give --api-key-file FILE, or --file FILE"],
    ["a file that is not there", () => check("--file", "/none"), 2, "/none: cannot be read (ENOENT)"],
    ["a folder", () => check("--file", "/tmp"), 2, "/tmp: is a directory, no policy"],
    [
      "no HuJSON",
      () => check("--file", fileWith("{\n  grants: []\n}")),
      2,
      'policy.hujson:2:3: finds "g" out of place\nHuJSON is JSON with',
    ],
    [
      "no policy",
      () => check("--file", fileWith('{"grants": {}}')),
      2,
      "policy.hujson:1:12: finds no list for grants\nheadscale policy check --file",
    ],
    ["no URL", () => check("--api-key-file", "/none"), 2, "give --headscale-url, or --config"],
    [
      "a URL that is none",
      () => check("--api-key-file", "/none", "--headscale-url", "headscale:8080"),
      2,
      "--headscale-url headscale:8080: a URL is like https://",
    ],
    [
      "a key that is not there",
      () => check("--api-key-file", "/none", "--headscale-url", nobody),
      2,
      "the API key cannot be read: /none: ENOENT",
    ],
    [
      "no Headscale",
      () => check(...accessWords(nobody)),
      5,
      `Headscale at ${nobody} cannot be reached: ECONNREFUSED\ngive --headscale-url if`,
    ],
    [
      "a key that Headscale does not know",
      async () => check(...(await headscaleWords({ "/api/v1/node": new Refusal(401) }))),
      5,
      "api-key\nmake one: headscale apikeys create",
    ],
    [
      "a key without the right",
      async () =>
        check(
          ...(await headscaleWords({
            "/api/v1/node": { nodes: [] },
            "/api/v1/policy": new Refusal(403, { title: "Forbidden", detail: "missing scope policy:read" }),
          })),
        ),
      5,
      "lacks a right: Headscale answered 403 to GET /api/v1/policy",
    ],
    [
      "a Headscale of long ago",
      async () => check(...(await headscaleWords({ "/version": new Refusal(404) }))),
      5,
      "is too old (before 0.26)",
    ],
    [
      "a Headscale that is too old",
      async () => check(...(await headscaleWords({ "/version": { version: "v0.28.0" } }))),
      5,
      "use Headscale 0.29 or newer",
    ],
    [
      "what is no Headscale",
      async () => check(...(await headscaleWords({ "/version": { build: 1 } }))),
      5,
      "is no Headscale",
    ],
    [
      "a policy in force that is none",
      async () =>
        check(
          ...(await headscaleWords({ "/api/v1/node": { nodes: [] }, "/api/v1/policy": { policy: "[" } })),
        ),
      5,
      ":1:2: finds the end of the text too early",
    ],
  ])("%s", async (_, words, exitCode, message) => {
    const ran = await runWords(["policy", ...(await words())]);
    expect(ran).toMatchObject({ exitCode, stdout: "", stderr: expect.stringContaining(message) });
  });

  test("in JSON as well", async () => {
    const { exitCode, stdout } = await runWords(["policy", ...check("--file", "/none"), "-o", "json"]);
    expect(exitCode).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ kind: "Error", error: { code: "USAGE" } });
  });
});

test("a file larger than any policy is not read", async () => {
  const folder = join(temporaryDirectory(), "large");
  mkdirSync(folder);
  const file = join(folder, "policy");
  writeFileSync(file, " ".repeat(2_000_000));
  const { stderr } = await runWords(["policy", "check", "--file", file, ...alone]);
  expect(stderr).toContain("has 2000000 bytes, more than the 1048576 of a policy");
});

import { cp, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LabNode } from "../../lab/lab-types.ts";
import { inNetns } from "../../lab/network/netns.ts";
import { run } from "../../lab/run-command.ts";
import { waitUntil } from "../../lab/wait-until.ts";
import { readComposeFile } from "./compose-file.ts";
import { type ComposeRig, startComposeRig } from "./compose-rig.ts";

const domain = "lab.test";
const repository = join(import.meta.dirname, "..", "..", "..");
const deploy = join(repository, "deploy", "headscale");
const guide = await readFile(join(deploy, "README.md"), "utf8");
const [names = "", up = "", policyAndKey = ""] = [...guide.matchAll(/^```sh\n(.*?)^```$/gms)].map(
  ([, block = ""]) => block.replaceAll("DOMAIN", domain),
);
/** What the commands of a block print last. */
const lastLine = (text: string) => text.trim().split("\n").at(-1) ?? "";

let rig: ComposeRig;
beforeAll(async () => {
  rig = await startComposeRig(domain);
  await run(["sh", "-euc", names], { cwd: rig.folder });
}, 900_000);
afterAll(() => rig?.end(), 60_000);

const nodeAt = (index: number): LabNode => {
  const node = rig.lab.nodes[index];
  if (node === undefined) throw new Error(`no node ${index}`);
  return node;
};

async function joinTailnet(node: LabNode, server: string, key: string): Promise<void> {
  await rig.tailscaled(node);
  await rig.tailscale(node, [
    "up",
    `--login-server=${server}`,
    `--auth-key=${key}`,
    `--hostname=${node.name}`,
    // The policy lets pods reach pods: by their prefixes nodes are peers.
    `--advertise-routes=${node.podCIDR}`,
    "--accept-routes",
    "--timeout=60s",
  ]);
}

async function headscaleAnswers(service: string): Promise<void> {
  const healthy = () =>
    rig.exec(service, ["headscale", "health"]).then(
      () => true,
      () => false,
    );
  await waitUntil(healthy, {
    what: `${service} answers`,
    timeoutMs: 60_000,
    explain: () => readFile(join(rig.lab.folder, `${service}.log`), "utf8"),
  });
}

/** How n1 reaches n2, in the words of `tailscale ping`, as soon as it does. */
async function pingOther(): Promise<string> {
  const address = (await rig.tailscale(nodeAt(1), ["ip", "-4"])).trim();
  const ping = ["ping", "--c=1", "--timeout=2s", "--until-direct=false", address];
  return await waitUntil(() => rig.tailscale(nodeAt(0), ping).catch(() => undefined), {
    what: "n1 reaches n2",
    timeoutMs: 60_000,
    explain: async () =>
      `${await rig.tailscale(nodeAt(0), ["status"])}\n${await readFile(rig.logOf("relay"), "utf8")}`,
  });
}

test("what the compose file names is there, in the releases that are tested with", async () => {
  const { services } = await readComposeFile(deploy);
  const pinned = async (module: string, name: string) => {
    const file = join(repository, "test", "lab", "build", module, "go.mod");
    const found = (await readFile(file, "utf8")).match(new RegExp(`${name} v(\\S+)`));
    return found?.[1];
  };
  const tailscale = await pinned("tailscale", "tailscale\\.com");
  expect(services.headscale.image).toBe(
    `headscale/headscale:${await pinned("headscale", "juanfont/headscale")}`,
  );
  expect(services.relay.image).toBe(`derper:${tailscale}`);
  const dockerfile = await readFile(join(deploy, services.relay.build ?? "", "Dockerfile"), "utf8");
  expect(dockerfile).toContain(`go install tailscale.com/cmd/derper@v${tailscale}\n`);
  expect((await readdir(join(deploy, "config"))).sort()).toEqual(["config.yaml", "derp.yaml"]);
  for (const file of ["compose.yaml", "config/config.yaml", "config/derp.yaml"])
    expect(await readFile(join(rig.folder, file), "utf8"), file).not.toContain("example.org");
});

describe("README's steps with a certificate authority of the test's", () => {
  let key = "";

  test("both services start, and Headscale is healthy by the check of the compose file", async () => {
    expect(up).toMatch(/^docker compose up --detach --build\n/);
    await rig.start("headscale");
    await rig.start("relay");
    await headscaleAnswers("headscale");
    await rig.shell(up.split("\n").slice(1).join("\n"));
    const { healthcheck } = (await readComposeFile(rig.folder)).services.headscale;
    expect(healthcheck?.test).toEqual(["CMD", "headscale", "health"]);
  });

  test("nothing but Headscale, the relay and STUN is open to others", async () => {
    const listed = await run(inNetns(rig.lab.netns, ["ss", "-Hltun"]));
    const open = listed
      .trim()
      .split("\n")
      .map((line) => line.split(/\s+/))
      .filter((words) => !words[4]?.startsWith("127.0.0.1:"))
      .map((words) => `${words[0]} ${words[4]?.split(":").at(-1)}`);
    expect(open.sort()).toEqual(["tcp 443", "tcp 8443", "udp 3478"]);
  });

  test("Headscale takes the policy and makes a key", async () => {
    key = lastLine(await rig.shell(policyAndKey));
    expect(key).toMatch(/^hskey-auth-/);
    expect(await rig.shell("docker compose exec headscale headscale policy get")).toContain("autoApprovers");
  });

  test("nodes join over TLS, and reach each other by the relay", async () => {
    const server = `https://headscale.${domain}`;
    for (const node of [nodeAt(0), nodeAt(1)]) await joinTailnet(node, server, key);
    expect(await pingOther()).toMatch(/^pong from n2 .* via DERP\(home\)/);
  });

  test("who is no member of this tailnet gets nothing from the relay", async () => {
    const other = { name: "other", folder: join(rig.lab.folder, "other") };
    await cp(rig.folder, other.folder, { recursive: true });
    const file = join(other.folder, "config", "config.yaml");
    const moved = (await readFile(file, "utf8"))
      .replace(`https://headscale.${domain}`, `https://headscale.${domain}:444`)
      .replace("0.0.0.0:443", "0.0.0.0:444")
      .replace("127.0.0.1:9090", "127.0.0.1:9091")
      .replace("127.0.0.1:50443", "127.0.0.1:50444");
    await writeFile(file, moved);
    await rig.start("headscale", other);
    await headscaleAnswers("other");
    const made = await rig.exec("other", ["headscale", "preauthkeys", "create", "--tags", "tag:k8s-node"]);
    const refusals = async () =>
      (await readFile(rig.logOf("relay"), "utf8")).match(/not allowed/g)?.length ?? 0;
    expect(await refusals()).toBe(0);
    await joinTailnet(nodeAt(2), `https://headscale.${domain}:444`, lastLine(made));
    await waitUntil(async () => (await refusals()) > 0, {
      what: "the relay refuses a member of another tailnet",
      timeoutMs: 60_000,
      explain: () => readFile(rig.logOf("relay"), "utf8"),
    });
  });

  test("Headscale goes away, and the relay carries on", async () => {
    await rig.stop("headscale");
    expect(await pingOther()).toMatch(/^pong from n2 .* via DERP\(home\)/);
  });
});

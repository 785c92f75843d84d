import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { ClusterOptions } from "../lab/kubernetes/cluster-types.ts";
import { LabError } from "../lab/lab-error.ts";
import type { LabOptions } from "../lab/lab-types.ts";
import { stderrProgress } from "../lab/progress.ts";
import { startLab } from "../lab/start-lab.ts";
import { stopLab } from "../lab/stop-lab.ts";
import { stopLabOnInterrupt } from "../lab/stop-on-interrupt.ts";
import { denyByDefault } from "./default-deny.ts";
import { ensureE2eTools } from "./e2e-tools.ts";
import { runTests } from "./run-tests.ts";
import type { Tally } from "./tally.ts";

const usage = `npm run test:conformance [-- OPTION...]
Runs Kubernetes' own network conformance tests against a fresh lab with a cluster and prints the tally.
  --reference        with the reference plugins instead of HeadCNI
  --proxy-mode MODE  nftables (the default) or iptables
  --nodes N          2 by default
  --mode MODE        daemon (the default), host or mixed
  --behind-nat       every node behind a router of its own, by the relay alone; with --mode host, as the API server is on the first
  --dual-stack       with IPv4 and IPv6
  --network-policy   the tests of NetworkPolicy, all but those of SCTP
  --default-deny     a NetworkPolicy denies all to the pods of all namespaces but those of the tests; the cluster's DNS has what it needs
  --focus REGEXP     other tests than [sig-network] ... [Conformance]
  --keep             leave the lab up`;

const conformanceTests = { focus: "\\[sig-network\\].*\\[Conformance\\]" };
/** SCTP needs a kernel that has it. */
const policyTests = { focus: "\\[sig-network\\].*(Netpol|NetworkPolicyLegacy)", skip: "SCTP" };

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      reference: { type: "boolean", default: false },
      "proxy-mode": { type: "string", default: "nftables" },
      "dual-stack": { type: "boolean", default: false },
      nodes: { type: "string", default: "2" },
      mode: { type: "string", default: "daemon" },
      "behind-nat": { type: "boolean", default: false },
      "network-policy": { type: "boolean", default: false },
      "default-deny": { type: "boolean", default: false },
      focus: { type: "string" },
      keep: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const proxyMode = proxyModeOf(values["proxy-mode"]);
  const mode = modeOf(values.mode);
  const nodes = Number(values.nodes);
  const names = Array.from({ length: nodes }, (_, index) => `n${index + 1}`);
  const hidden = values["behind-nat"] ? names : [];
  refuseTogether({
    "--behind-nat goes with --mode host": hidden.length > 0 && mode !== "host",
    "--default-deny goes without --reference, which has no NetworkPolicy":
      values["default-deny"] && values.reference,
  });
  const progress = stderrProgress();
  const tools = await ensureE2eTools(progress);
  const interrupt = stopLabOnInterrupt(progress);
  const lab = await startLab({
    nodes,
    mode,
    behindNat: hidden,
    relayOnly: hidden,
    families: values["dual-stack"] ? [4, 6] : [4],
    daemon: values.reference ? "none" : "bundle",
    kubernetes: { network: values.reference ? "reference" : "chart", proxyMode },
    progress,
    onClaimed: interrupt.watch,
  });
  const folder = await mkdtemp(join(tmpdir(), "headcni-conformance-"));
  const start = performance.now();
  try {
    if (values["default-deny"]) progress(`Denied by default: ${(await denyByDefault(lab)).join(", ")}`);
    const chosen = values["network-policy"] ? policyTests : conformanceTests;
    const focus = values.focus ?? chosen.focus;
    const tally = await runTests(lab, tools, { ...chosen, focus, processes: 4, folder }, progress);
    const network = values.reference
      ? "the reference plugins"
      : `HeadCNI in mode ${mode}${placesInWords(hidden.length > 0, values["default-deny"])}`;
    if (tally.failed.length > 0) console.log(`log: ${join(folder, "ginkgo.log")}`);
    else await rm(folder, { recursive: true, force: true });
    print(tally, `${network}, kube-proxy with ${proxyMode}`, (performance.now() - start) / 1000);
    return tally.failed.length === 0 ? 0 : 1;
  } finally {
    if (values.keep) console.log(`lab ${lab.id} stays up: npm run lab -- down --id ${lab.id}`);
    else await stopLab(lab.id, progress);
    interrupt.release();
  }
}

function placesInWords(behindNat: boolean, defaultDeny: boolean): string {
  return `${behindNat ? ", all behind NAT, by the relay" : ""}${defaultDeny ? ", default-deny" : ""}`;
}

/** Throws LabError BAD_OPTION with the first that is so. */
function refuseTogether(wrong: Readonly<Record<string, boolean>>): void {
  const [found] = Object.entries(wrong).filter(([, isSo]) => isSo);
  if (found !== undefined) throw new LabError("BAD_OPTION", found[0]);
}

function proxyModeOf(word: string): ClusterOptions["proxyMode"] {
  if (word === "nftables" || word === "iptables") return word;
  throw new LabError("BAD_OPTION", `--proxy-mode is nftables or iptables, not "${word}"`);
}

function modeOf(word: string): LabOptions["mode"] & {} {
  const mode = (["daemon", "host", "mixed"] as const).find((candidate) => candidate === word);
  if (mode === undefined) throw new LabError("BAD_OPTION", `--mode is daemon, host or mixed, not "${word}"`);
  return mode;
}

function print({ passed, failed, skipped, seconds }: Tally, what: string, took: number): void {
  for (const { name, seconds: own } of seconds.slice(0, 5))
    console.log(`${own.toFixed(1).padStart(6)} s  ${name}`);
  if (skipped.length > 0) console.log(`${skipped.length} skipped:`);
  for (const { name, reason } of skipped) console.log(`SKIPPED ${name}\n     ${reason.split("\n")[0]}`);
  for (const { name, reason } of failed) console.log(`FAIL ${name}\n     ${reason.split("\n")[0]}`);
  console.log(`conformance with ${what}, ${took.toFixed(0)} s: ${passed} passed, ${failed.length} failed`);
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof LabError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.code === "BAD_OPTION" ? 2 : 1;
}

import { describeLab } from "../describe-lab.ts";
import { LabError } from "../lab-error.ts";
import { stderrProgress } from "../progress.ts";
import { type StartOptions, startLab } from "../start-lab.ts";
import { stopLabOnInterrupt } from "../stop-on-interrupt.ts";
import {
  type Command,
  type CommandArguments,
  commonOptions,
  flag,
  oneOf,
  positionals,
  print,
  printJson,
  text,
  texts,
} from "./command.ts";

const usage = "up [--nodes N] [--json] [options]";

export const up: Command = {
  words: ["up"],
  usage,
  summary: "build what is missing, start a lab and wait until every node is ready",
  options: {
    ...commonOptions,
    nodes: { type: "string" },
    mode: { type: "string" },
    approval: { type: "string" },
    tuning: { type: "string" },
    "host-tailscaled": { type: "boolean" },
    "behind-nat": { type: "string", multiple: true },
    "relay-only": { type: "string", multiple: true },
    "no-cached-maps": { type: "boolean" },
    source: { type: "boolean" },
    "dual-stack": { type: "boolean" },
    ipv6: { type: "boolean" },
    underlay: { type: "string" },
    systemd: { type: "string", multiple: true },
    "without-daemon": { type: "boolean" },
    "keep-broken": { type: "boolean" },
    kubernetes: { type: "boolean" },
    "control-plane-behind-nat": { type: "boolean" },
    "reference-network": { type: "boolean" },
    "proxy-mode": { type: "string" },
    set: { type: "string", multiple: true },
  },
  run: async (args) => {
    positionals(args, [], usage);
    const nodes = Number(text(args, "nodes") ?? "2");
    const names = Array.from(
      { length: Number.isInteger(nodes) ? Math.min(nodes, 99) : 0 },
      (_, index) => `n${index + 1}`,
    );
    const progress = stderrProgress();
    const id = text(args, "id");
    const interrupt = stopLabOnInterrupt(progress);
    const lab = await startLab({
      ...(id === undefined ? {} : { id }),
      onClaimed: interrupt.watch,
      nodes,
      progress,
      keepBroken: flag(args, "keep-broken"),
      mode: oneOf(args, "mode", ["daemon", "host", "mixed"], "daemon"),
      approval: oneOf(args, "approval", ["policy", "controller", "api"], "policy"),
      tuning: oneOf(args, "tuning", ["default", "fast"], "default"),
      hostTailscaled: flag(args, "host-tailscaled") ? names : [],
      behindNat: behindNat(args),
      relayOnly: texts(args, "relay-only"),
      families: families(args),
      ...underlay(args),
      systemd: texts(args, "systemd"),
      cacheNetworkMaps: !flag(args, "no-cached-maps"),
      daemon:
        flag(args, "without-daemon") || flag(args, "reference-network")
          ? "none"
          : flag(args, "source")
            ? "source"
            : "bundle",
      config: Object.fromEntries(texts(args, "set").map(assignment)),
      ...clusterOptions(args),
    });
    interrupt.release();
    const description = await describeLab(lab);
    if (flag(args, "json")) printJson(description);
    else {
      print(
        `Lab ${lab.id} is up with ${lab.nodes.length} nodes. Try:`,
        ...(lab.options.kubernetes === undefined
          ? [
              "  npm run lab -- pod add n1 a && npm run lab -- pod add n2 b",
              "  npm run lab -- exec a -- ping -c 3 10.244.2.2",
            ]
          : ["  npm run lab -- kubectl -- get pods -A -o wide"]),
        "  npm run lab -- status",
        `  npm run lab -- down --id ${lab.id}`,
      );
    }
    return 0;
  },
};

/** A control plane can be behind a router where it is on a node of the tailnet, which is the first one. */
function behindNat(args: CommandArguments): readonly string[] {
  const names = texts(args, "behind-nat");
  if (!flag(args, "control-plane-behind-nat")) return names;
  if (!flag(args, "kubernetes") || text(args, "mode") !== "host")
    throw new LabError("BAD_OPTION", "--control-plane-behind-nat goes with --kubernetes --mode host");
  return [...new Set(["n1", ...names])];
}

function families(args: CommandArguments): StartOptions["families"] & {} {
  if (flag(args, "dual-stack")) return [4, 6];
  return flag(args, "ipv6") ? [6] : [4];
}

function underlay(args: CommandArguments): Pick<StartOptions, "underlay"> {
  const words = { ipv4: [4], ipv6: [6], both: [4, 6] } as const;
  const word = oneOf(args, "underlay", ["ipv4", "ipv6", "both", "as-pods"], "as-pods");
  return word === "as-pods" ? {} : { underlay: words[word] };
}

function clusterOptions(args: CommandArguments): Pick<StartOptions, "kubernetes"> {
  const installed = flag(args, "source") ? "headcni" : "chart";
  const without = flag(args, "without-daemon") ? "none" : installed;
  const network = flag(args, "reference-network") ? "reference" : without;
  const proxyMode = oneOf(args, "proxy-mode", ["nftables", "iptables"], "nftables");
  if (flag(args, "kubernetes")) return { kubernetes: { network, proxyMode } };
  if (network === "reference" || text(args, "proxy-mode") !== undefined)
    throw new LabError("BAD_OPTION", "--reference-network and --proxy-mode go with --kubernetes");
  return {};
}

/** `network.mtu=1200` with the value read as JSON if it is JSON, else as a word. */
function assignment(textual: string): [string, unknown] {
  const equals = textual.indexOf("=");
  if (equals < 1) throw new LabError("BAD_OPTION", `--set takes PATH=VALUE, not "${textual}"`);
  const value = textual.slice(equals + 1);
  try {
    return [textual.slice(0, equals), JSON.parse(value)];
  } catch {
    return [textual.slice(0, equals), value];
  }
}

import type {
  GuardObservation,
  NamespaceObservation,
  Repair,
} from "../../../src/domain/guard/guard-observation.ts";
import type {
  KernelOperation,
  KernelSnapshot,
  NamespaceName,
} from "../../../src/domain/kernel/kernel-state.ts";
import type {
  FirewallChange,
  ForeignChain,
  ForeignRule,
} from "../../../src/domain/nftables/nft-observation.ts";
import type { ObservedTable } from "../../../src/domain/nftables/nft-table.ts";

/** An empty node and X, X with what a new namespace has. */
export const freshObservation: GuardObservation = {
  node: namespace({ "net/ipv4/ip_forward": "0", "net/ipv4/conf/headcni0/rp_filter": "0" }),
  tailnet: namespace({ "net/ipv4/ip_forward": "0", "net/ipv4/conf/all/rp_filter": "0" }),
};

function namespace(sysctls: Readonly<Record<string, string>>): NamespaceObservation {
  const lo = { index: 1, name: "lo", mac: "", mtu: 65536, up: true, group: 0, alias: "", kind: "" };
  const kernel = { links: [lo], addresses: [], routes: [], rules: [] };
  return { kernel, sysctls, firewall: { foreign: [] } };
}

/** The observation after the repairs, as the kernel and nft would answer. */
export function applied(observation: GuardObservation, repairs: readonly Repair[]): GuardObservation {
  return repairs.reduce((seen, repair) => {
    switch (repair.kind) {
      case "kernel":
        return repair.operations.reduce(
          (next, operation) => operated(next, repair.namespace, operation),
          seen,
        );
      case "sysctls":
        return change(seen, repair.namespace, (place) => ({
          ...place,
          sysctls: { ...place.sysctls, ...repair.values },
        }));
      case "firewall":
        return change(seen, repair.namespace, (place) => repair.changes.reduce(loaded, place));
      default: {
        const unhandled: never = repair;
        return unhandled;
      }
    }
  }, observation);
}

type Place = NamespaceObservation;

function change(
  seen: GuardObservation,
  name: NamespaceName,
  next: (place: Place) => Place,
): GuardObservation {
  const place = seen[name];
  return place === undefined ? seen : { ...seen, [name]: next(place) };
}

function kernelOf(
  seen: GuardObservation,
  name: NamespaceName,
  next: (kernel: KernelSnapshot) => KernelSnapshot,
) {
  return change(seen, name, (place) => ({ ...place, kernel: next(place.kernel) }));
}

function operated(seen: GuardObservation, name: NamespaceName, operation: KernelOperation): GuardObservation {
  if (operation.op === "link.addVeth") {
    const added = kernelOf(seen, name, (kernel) => withLink(kernel, operation.link));
    return kernelOf(added, operation.peerNamespace, (kernel) => withLink(kernel, operation.peer));
  }
  if (operation.op === "link.remove") {
    // One end takes the other along.
    const names = ["headcni0", "eth0"].includes(operation.link) ? ["headcni0", "eth0"] : [operation.link];
    return (["node", "tailnet"] as const).reduce(
      (next, place) => kernelOf(next, place, (kernel) => names.reduce(withoutLink, kernel)),
      seen,
    );
  }
  return kernelOf(seen, name, (kernel) => inOnePlace(kernel, operation));
}

function inOnePlace(kernel: KernelSnapshot, operation: KernelOperation): KernelSnapshot {
  const indexOf = (name: string | undefined) => kernel.links.find((link) => link.name === name)?.index ?? -1;
  switch (operation.op) {
    case "link.up":
      return {
        ...kernel,
        links: kernel.links.map((link) => (link.name === operation.link ? { ...link, up: true } : link)),
      };
    case "address.add":
    case "address.remove": {
      const { address, prefixLength, link } = operation;
      const entry = { linkIndex: indexOf(link), address, prefixLength };
      const others = kernel.addresses.filter((found) => JSON.stringify(found) !== JSON.stringify(entry));
      return { ...kernel, addresses: operation.op === "address.add" ? [...others, entry] : others };
    }
    case "route.replace":
    case "route.remove": {
      const { link, ...rest } = operation.route;
      const entry = link === undefined ? rest : { ...rest, linkIndex: indexOf(link) };
      const others = kernel.routes.filter(
        (found) =>
          found.destination !== entry.destination ||
          found.table !== entry.table ||
          found.metric !== entry.metric,
      );
      return { ...kernel, routes: operation.op === "route.replace" ? [...others, entry] : others };
    }
    case "rule.add":
    case "rule.remove": {
      const { rule } = operation;
      const others = kernel.rules.filter(
        (found) =>
          found.family !== rule.family ||
          found.priority !== rule.priority ||
          found.destination !== rule.destination ||
          found.table !== rule.table,
      );
      return { ...kernel, rules: operation.op === "rule.add" ? [...others, rule] : others };
    }
    default:
      return kernel;
  }
}

function withLink(kernel: KernelSnapshot, name: string): KernelSnapshot {
  if (kernel.links.some((link) => link.name === name)) return kernel;
  const index = Math.max(...kernel.links.map((link) => link.index)) + 1;
  const link = { index, name, mac: "", mtu: 1500, up: true, group: 0, alias: "", kind: "veth" };
  return { ...kernel, links: [...kernel.links, link] };
}

function withoutLink(kernel: KernelSnapshot, name: string): KernelSnapshot {
  const index = kernel.links.find((link) => link.name === name)?.index;
  return {
    links: kernel.links.filter((link) => link.index !== index),
    addresses: kernel.addresses.filter((address) => address.linkIndex !== index),
    routes: kernel.routes.filter((route) => route.linkIndex === undefined || route.linkIndex !== index),
    rules: kernel.rules,
  };
}

/** Of libnftables-json what our documents use. */
interface Command {
  readonly add?: {
    readonly table?: unknown;
    readonly chain?: { name: string; type: "filter"; hook: "forward"; prio: number; policy: "accept" };
    readonly rule?: { chain: string; comment: string };
  };
  readonly insert?: { readonly rule: { table: string; chain: string; comment: string } };
  readonly delete?: {
    readonly table?: unknown;
    readonly rule?: { table: string; chain: string; handle: number };
  };
}

function loaded(place: Place, firewallChange: FirewallChange): Place {
  const firewall = place.firewall ?? { foreign: [] };
  if (firewallChange.tool !== "nft") {
    const foreign = firewall.foreign.map((chain) => restored(chain, firewallChange.lines));
    return { ...place, firewall: { ...firewall, foreign } };
  }
  const { nftables } = firewallChange.document as { nftables: readonly Command[] };
  let own: ObservedTable | undefined = firewall.own;
  let foreign = firewall.foreign;
  for (const { add, insert, delete: removal } of nftables) {
    if (removal?.table !== undefined) own = undefined;
    if (add?.chain) {
      const { name, type, hook, prio, policy } = add.chain;
      const chain = { name, type, hook, priority: prio, policy, comments: [] };
      own = { hasFlags: false, chains: [...(own?.chains ?? []), chain] };
    }
    const rule = add?.rule;
    if (rule && own)
      own = {
        ...own,
        chains: own.chains.map((chain) =>
          chain.name === rule.chain ? { ...chain, comments: [...chain.comments, rule.comment] } : chain,
        ),
      };
    if (insert)
      foreign = foreign.map((chain) =>
        isIn(chain, insert.rule) ? inserted(chain, insert.rule.comment) : chain,
      );
    const gone = removal?.rule;
    if (gone)
      foreign = foreign.map((chain) =>
        isIn(chain, gone)
          ? { ...chain, rules: chain.rules.filter((entry) => entry.reference !== gone.handle) }
          : chain,
      );
  }
  return { ...place, firewall: { foreign, ...(own === undefined ? {} : { own }) } };
}

function isIn(chain: ForeignChain, rule: { readonly table: string; readonly chain: string }): boolean {
  return chain.table === rule.table && chain.chain === rule.chain;
}

function inserted(chain: ForeignChain, comment: string): ForeignChain {
  const rule: ForeignRule = { comment, dropsAll: false, reference: 1000 + chain.rules.length };
  return { ...chain, rules: [rule, ...chain.rules] };
}

function restored(chain: ForeignChain, lines: readonly string[]): ForeignChain {
  let rules = chain.rules;
  for (const line of lines) {
    const [verb, name] = line.split(" ");
    if (name !== chain.chain) continue;
    const reference = line.replace(/^-[ID] (\S+)( 1)?/, "-A $1");
    const comment = /--comment (\S+)/.exec(line)?.[1] ?? "";
    if (verb === "-D") rules = rules.filter((rule) => rule.reference !== reference);
    else rules = [{ comment, dropsAll: false, reference }, ...rules];
  }
  return { ...chain, rules };
}

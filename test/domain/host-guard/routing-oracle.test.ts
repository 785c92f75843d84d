import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { removeLeftovers } from "../../../src/domain/guard/guard-leftovers.ts";
import type { KernelOperation } from "../../../src/domain/kernel/kernel-state.ts";
import { addressInside } from "../../support/kernel/address-bits.ts";
import { type Way, wayOf } from "../../support/kernel/policy-routing.ts";
import { tailscaledRules } from "./owner-tailscaled.ts";
import {
  after,
  anyOwner,
  anyRouted,
  before,
  confinementFor,
  fullNode,
  kernelRules,
  nodeElsewhere,
  type Owner,
  ours,
  ownersMain,
  ownersOf,
  type RoutedNode,
} from "./routed-nodes.ts";

/** Where a destination was reached before us, and where it is now. */
interface Judged {
  readonly at: RoutedNode;
  readonly owner: Owner;
  readonly destination: string;
  /** Whether tailscaled itself sends it. */
  readonly bypasses: boolean;
  readonly way: Way;
  readonly wayBefore: Way;
}

const inAny = (address: string, prefixes: readonly string[]) =>
  prefixes.some((prefix) => addressInside(address, prefix));
const lengthOf = (prefix: string) => Number(prefix.split("/")[1]);
const isLink = (way: Way, link: string) => typeof way === "object" && way.link === link;
const isOthersPod = ({ at: { own, supernets }, destination }: Judged) =>
  inAny(destination, supernets) && !inAny(destination, own);
/** By a route that is as narrow as the supernet: a wider one is not about pods. */
const isServed = ({ at: { supernets, settings }, owner: { running, announced }, destination }: Judged) =>
  running &&
  // In another tailnet those are somebody else's pods.
  !settings.carrier.elsewhere &&
  announced.some(
    (prefix) =>
      addressInside(destination, prefix) &&
      supernets.some(
        (supernet) => addressInside(destination, supernet) && lengthOf(prefix) >= lengthOf(supernet),
      ),
  );
/** Main has more for it than a default route. */
const hasNarrowRoute = (destination: string) =>
  ownersMain.some(
    (route) => lengthOf(route.destination) > 0 && addressInside(destination, route.destination),
  );

const sentences: readonly { readonly says: string; readonly holds: (judged: Judged) => boolean }[] = [
  {
    says: "a pod of this node is reached by its link, and an address without a pod by no default route, whatever anybody announces",
    holds: ({ at: { own, pods }, destination, way }) => {
      if (!inAny(destination, own)) return true;
      const pod = pods.find((route) => addressInside(destination, route.destination));
      if (pod?.link !== undefined) return isLink(way, pod.link);
      return way === "unreachable" || hasNarrowRoute(destination);
    },
  },
  {
    says: "other nodes' pods are reached by the tailnet where it has them, or not at all: never by an exit node or the underlay",
    holds: (judged) => {
      if (judged.bypasses || !isOthersPod(judged)) return true;
      return isServed(judged) ? isLink(judged.way, "tailscale0") : judged.way === "unreachable";
    },
  },
  {
    says: "what tailscaled sends to an address of pods leaves by no default route",
    holds: (judged) =>
      !judged.bypasses ||
      !isOthersPod(judged) ||
      hasNarrowRoute(judged.destination) ||
      judged.way === "unreachable",
  },
  {
    says: "all else goes where its owner had it go; beside an exit node with access to the LAN, main's own narrow routes stay",
    holds: ({ at, owner, destination, bypasses, way, wayBefore }) => {
      if (inAny(destination, at.supernets)) return true;
      const behindMain = confinementFor(owner) === "behindMain" && !bypasses && hasNarrowRoute(destination);
      const byMain = () => wayOf({ rules: kernelRules, routes: ownersMain }, packetTo(destination));
      return JSON.stringify(way) === JSON.stringify(behindMain ? byMain() : wayBefore);
    },
  },
];

function packetTo(destination: string, mark = 0) {
  return { family: destination.includes(":") ? (6 as const) : (4 as const), destination, mark };
}

function brokenBy(
  at: RoutedNode,
  owner: Owner,
  operations: readonly KernelOperation[] = ours(at, owner),
): readonly string[] {
  const [then, now] = [before(owner), after(at, owner, operations)];
  return at.destinations.flatMap((destination) =>
    [false, true].flatMap((bypasses) => {
      const packet = packetTo(destination, bypasses ? 0x80000 : 0);
      const ways = { way: wayOf(now, packet), wayBefore: wayOf(then, packet) };
      return sentences
        .filter(({ holds }) => !holds({ at, owner, destination, bypasses, ...ways }))
        .map(({ says }) => `${destination}${bypasses ? " of tailscaled" : ""}: ${says}`);
    }),
  );
}

interface Mutant {
  readonly what: string;
  readonly operations: readonly KernelOperation[];
}

/** Without one operation, or with a rule that takes routes of any length. */
function mutantsOf(operations: readonly KernelOperation[]): readonly Mutant[] {
  return operations.flatMap((operation, at): readonly Mutant[] => {
    const what = JSON.stringify(operation);
    const without = { what: `without ${what}`, operations: operations.toSpliced(at, 1) };
    if (operation.op !== "rule.add" || operation.rule.suppressPrefixLength === undefined) return [without];
    const { suppressPrefixLength: _none, ...rule } = operation.rule;
    const wide = operations.with(at, { op: "rule.add", rule });
    return [without, { what: `of any length ${what}`, operations: wide }];
  });
}

function stepsOf(operations: readonly KernelOperation[]): readonly (readonly KernelOperation[])[] {
  return operations.map((_, index) => operations.slice(0, index + 1));
}

/** What is left after each removal of a rule; the kernel lists rules by their places. */
function stepsAway(operations: readonly KernelOperation[]): readonly (readonly KernelOperation[])[] {
  const rules = operations
    .flatMap((operation) => (operation.op === "rule.add" ? [operation.rule] : []))
    .toSorted((a, b) => a.priority - b.priority);
  const removed = removeLeftovers({ links: [], addresses: [], routes: [], rules }, [], "");
  const left = (step: readonly KernelOperation[]) =>
    rules.filter(
      (rule) => !step.some((operation) => operation.op === "rule.remove" && operation.rule === rule),
    );
  return stepsOf(removed).map((step) => left(step).map((rule) => ({ op: "rule.add", rule }) as const));
}

describe("routing beside the node's own tailscaled", () => {
  const owners = ownersOf(fullNode);

  test("keeps every sentence, whatever its owner has set and members announce", () => {
    for (const owner of owners)
      for (const at of [fullNode, nodeElsewhere]) expect(brokenBy(at, owner)).toEqual([]);
    fc.assert(
      fc.property(
        anyRouted.chain((at) => fc.tuple(fc.constant(at), anyOwner(at))),
        ([at, owner]) => {
          expect(brokenBy(at, owner)).toEqual([]);
        },
      ),
      { numRuns: 500 },
    );
  });

  test("has no rule and no route that could go", () => {
    const mutants = owners.flatMap((owner) =>
      mutantsOf(ours(fullNode, owner)).map((mutant) => ({ ...mutant, owner })),
    );
    const needed = new Set<string>();
    for (const { what, owner, operations } of mutants)
      if (!needed.has(what) && brokenBy(fullNode, owner, operations).length > 0) needed.add(what);
    // Where addresses stand changes no way here.
    const needless = mutants.filter(({ what }) => !needed.has(what) && !what.includes("address.add"));
    expect([...new Set(needless.map(({ what }) => what))]).toEqual([]);
  });

  test("leaves the way to members as it was, at each step of being made and taken away", () => {
    const members = fullNode.destinations.filter((address) => /^(100\.64\.|fd7a:)/.test(address));
    for (const owner of owners) {
      const made = ours(fullNode, owner);
      for (const operations of [...stepsOf(made), ...stepsAway(made)])
        for (const destination of members)
          expect(wayOf(after(fullNode, owner, operations), packetTo(destination))).toEqual(
            wayOf(before(owner), packetTo(destination)),
          );
    }
  });

  test("takes no place of tailscaled's own rules, which it deletes by their places", () => {
    const places = owners
      .flatMap((owner) => ours(fullNode, owner))
      .flatMap((operation) => (operation.op === "rule.add" ? [operation.rule.priority] : []));
    const theirs = tailscaledRules.map(({ priority }) => priority);
    expect(places.filter((priority) => theirs.includes(priority))).toEqual([]);
  });
});

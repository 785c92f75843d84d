import { expect, test } from "vitest";
import { hostForwardAccepts, hostInputAccepts } from "../../../src/domain/host-guard/host-accepts.ts";
import { hostAllowlist } from "../../../src/domain/host-guard/host-allowlist.ts";
import { nobodyBelieved } from "../../../src/domain/tailnet/believed-prefixes.ts";
import type { FilterPacket } from "../../support/kernel/filter-packet.ts";
import { foreignTable, plannedTable, prove, proveKept, type Subject } from "../firewall/firewall-proof.ts";
import { verdicts } from "../firewall/firewall-words.ts";
import { type HostNode, hostNodes, nodesElsewhere, onNode } from "./host-nodes.ts";
import {
  elsewhereSentences,
  hostAllowlistSentences,
  hostForwardSentences,
  hostInputSentences,
  hostSentences,
  refusalsElsewhere,
} from "./host-sentences.ts";

const forwarded = ({ input, output }: FilterPacket) => input !== undefined && output !== undefined;
const received = ({ input, output }: FilterPacket) => input !== undefined && output === undefined;

const subjects: readonly Subject<HostNode>[] = [
  {
    what: "the node's table beside its own tailscaled",
    table: ({ settings }) => plannedTable("node", settings),
    sentences: hostSentences,
    namespace: onNode,
    speaksOf: () => true,
    withKubeProxy: true,
  },
  {
    what: "the allowlist beside the node's own tailscaled",
    table: ({ settings, believed, terms: { nodes } }) =>
      hostAllowlist(settings, { prefixes: believed, nodes }),
    sentences: hostAllowlistSentences,
    namespace: onNode,
    speaksOf: () => true,
    withKubeProxy: true,
  },
  ...([4, 6] as const).flatMap((family) => [
    {
      what: `accepts of IPv${family} in a chain that forwards`,
      table: ({ settings }: HostNode) => foreignTable("forward", family, hostForwardAccepts(settings)),
      sentences: hostForwardSentences,
      namespace: onNode,
      speaksOf: forwarded,
      withKubeProxy: true,
      family,
    },
    {
      what: `accepts of IPv${family} in a chain that receives`,
      table: ({ settings }: HostNode) => foreignTable("input", family, hostInputAccepts(settings)),
      sentences: hostInputSentences,
      namespace: onNode,
      speaksOf: received,
      withKubeProxy: false,
      family,
    },
  ]),
];

const inAnotherTailnet: Subject<HostNode> = {
  what: "the node's table beside its own tailscaled in another tailnet",
  table: ({ settings }) => plannedTable("node", settings),
  sentences: elsewhereSentences,
  namespace: onNode,
  speaksOf: () => true,
  withKubeProxy: true,
};
/** Alone: much of what the table refuses for other reasons it refuses by these then, too. */
const itsOwnRules: Subject<HostNode> = {
  ...inAnotherTailnet,
  what: "what that table has besides",
  table: ({ settings }) => {
    const { name, chains } = plannedTable("node", settings);
    const refusing = chains.map(({ rules, ...chain }) => ({
      ...chain,
      rules: rules.filter((rule) => rule.name.startsWith("elsewhere-")),
    }));
    return { name, chains: refusing.filter(({ rules }) => rules.length > 0) };
  },
  sentences: verdicts(refusalsElsewhere),
};

prove(subjects, hostNodes);
proveKept([inAnotherTailnet], nodesElsewhere);
prove([itsOwnRules], nodesElsewhere);

test("in another tailnet the allowlist believes nobody", () => {
  const believed = { prefixes: hostNodes.whole.believed, nodes: hostNodes.whole.terms.nodes };
  const { settings } = nodesElsewhere.whole;
  expect(hostAllowlist(settings, believed)).toEqual(hostAllowlist(hostNodes.whole.settings, nobodyBelieved));
});

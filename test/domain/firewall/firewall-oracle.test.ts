import { allowlistTable } from "../../../src/domain/nftables/nft-allowlist-table.ts";
import { forwardAccepts, inputAccepts } from "../../../src/domain/nftables/nft-foreign-accepts.ts";
import type { NftTable } from "../../../src/domain/nftables/nft-table.ts";
import { believedPrefixes } from "../../../src/domain/tailnet/believed-prefixes.ts";
import type { FilterPacket } from "../../support/kernel/filter-packet.ts";
import { anyNode, dualStack, keptAddresses, onlyIpv4, type TestNode } from "./firewall-nodes.ts";
import { seenInX } from "./firewall-packets.ts";
import { foreignTable, type Namespace, plannedTable, prove, type Subject } from "./firewall-proof.ts";
import {
  allowlistSentences,
  foreignForwardSentences,
  foreignInputSentences,
  nodeSentences,
  tailnetSentences,
} from "./firewall-sentences.ts";
import { nodeLinks, tailnetLinks } from "./firewall-words.ts";

const node: Namespace<TestNode> = { links: Object.values(nodeLinks), placesOf: ({ places }) => places };
const tailnet: Namespace<TestNode> = {
  links: Object.values(tailnetLinks),
  placesOf: ({ places }) => seenInX(places),
};
const forwarded = ({ input, output }: FilterPacket) => input !== undefined && output !== undefined;
const received = ({ input, output }: FilterPacket) => input !== undefined && output === undefined;

/** What headcni-wire loads. */
function allowlistOf({
  settings: { supernets, carrier },
  tailnet: { bindings, served },
}: TestNode): NftTable {
  return allowlistTable({ supernets, tunnel: carrier.tunnel.name }, believedPrefixes(bindings, served));
}

const subjects: readonly Subject<TestNode>[] = [
  {
    what: "the node's table",
    table: ({ settings }) => plannedTable("node", settings),
    sentences: nodeSentences,
    namespace: node,
    speaksOf: () => true,
    withKubeProxy: true,
  },
  {
    what: "the table in X",
    table: ({ settings }) => plannedTable("tailnet", settings),
    sentences: tailnetSentences,
    namespace: tailnet,
    speaksOf: ({ output }) => output !== undefined,
    withKubeProxy: false,
    // IPv6 is clamped lower, whatever this rule did to it before.
    needless: [
      'segment-size-4 without {"match":{"op":"==","left":{"meta":{"key":"nfproto"}},"right":"ipv4"}}',
    ],
  },
  {
    what: "the allowlist in X",
    table: allowlistOf,
    sentences: allowlistSentences,
    namespace: tailnet,
    speaksOf: ({ output }) => output !== undefined,
    withKubeProxy: false,
  },
  ...([4, 6] as const).flatMap((family) => [
    {
      what: `accepts of IPv${family} in a chain that forwards`,
      table: ({ settings }: TestNode) => foreignTable("forward", family, forwardAccepts(settings)),
      sentences: foreignForwardSentences,
      namespace: node,
      speaksOf: forwarded,
      withKubeProxy: true,
      family,
    },
    {
      what: `accepts of IPv${family} in a chain that receives`,
      table: ({ settings }: TestNode) => foreignTable("input", family, inputAccepts(settings)),
      sentences: foreignInputSentences,
      namespace: node,
      speaksOf: received,
      withKubeProxy: false,
      family,
    },
  ]),
];

prove(subjects, { whole: dualStack, others: [onlyIpv4, keptAddresses], any: anyNode });

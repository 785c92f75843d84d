import { elementOf } from "../nftables/nft-statements.ts";
import type { NftSet } from "../nftables/nft-table.ts";
import { stableHash } from "../stable-hash.ts";
import { type AddressRange, formatRange } from "./address-ranges.ts";
import type { NamedPeers, SomePeers } from "./combination.ts";
import type { MemberSet } from "./set-members.ts";

/**
 * More selectors than this for the same ports are one set: one packet then looks into one. Below, each has a set of its own,
 * which all who name it share.
 */
const maxSelectorsPerRow = 4;

/** Names for what rules refer to, in one table: the same for the same content, so that what stays the same keeps its name. */
export interface ContentNames {
  /** `prefix` begins with a letter. */
  nameFor(prefix: string, content: unknown): string;
}

/** A hash tells contents apart that nobody made to be alike; who writes policies may try, so two of one hash get two names. */
export function contentNames(hashOf: (text: string) => string = stableHash): ContentNames {
  const contents = new Map<string, string>();
  return {
    nameFor: (prefix, content) => {
      const text = JSON.stringify(content);
      for (let attempt = 0; ; attempt++) {
        const name = `${prefix}_${hashOf(attempt === 0 ? text : `${text}/${attempt}`)}`;
        const known = contents.get(name);
        if (known === undefined) contents.set(name, text);
        if (known === undefined || known === text) return name;
      }
    },
  };
}

/** The sets of a table while it is made. */
export interface PolicySets {
  /** Names ("@name") of the sets that hold the peers together. */
  peersIn(peers: SomePeers, family: 4 | 6): readonly string[];
  /** The set that holds the peers with the ports that they name. */
  namedIn(named: readonly NamedPeers[], family: 4 | 6): string;
  /** Sets whose elements follow from pods. */
  members(): readonly MemberSet[];
  /** Sets of policies' own prefixes. */
  blocks(): readonly NftSet[];
}

export function policySets(names: ContentNames): PolicySets {
  const members = new Map<string, MemberSet>();
  const blocks = new Map<string, NftSet>();

  const podsIn = (terms: readonly string[], family: 4 | 6): string => {
    const name = names.nameFor(`pods${family}`, terms);
    members.set(name, { kind: "pods", name, family, terms });
    return `@${name}`;
  };
  const blockIn = (ranges: readonly AddressRange[], family: 4 | 6): string => {
    const texts = ranges.map((range) => formatRange(family, range));
    const name = names.nameFor(`blocks${family}`, texts);
    blocks.set(name, {
      name,
      type: family === 4 ? "ipv4_addr" : "ipv6_addr",
      elements: texts.map(elementOf),
    });
    return `@${name}`;
  };

  return {
    peersIn: ({ terms, ranges }, family) => [
      ...(terms.length > maxSelectorsPerRow
        ? [podsIn(terms, family)]
        : terms.map((term) => podsIn([term], family))),
      ...(ranges.length > 0 ? [blockIn(ranges, family)] : []),
    ],
    namedIn: (named, family) => {
      const texts = named.map(({ peers, ...port }) => ({
        ...port,
        peers:
          peers === "everybody"
            ? peers
            : { terms: peers.terms, ranges: peers.ranges.map((range) => formatRange(family, range)) },
      }));
      const name = names.nameFor(`named${family}`, texts);
      members.set(name, { kind: "ports", name, family, named: texts });
      return `@${name}`;
    },
    members: () => [...members.values()],
    blocks: () => [...blocks.values()],
  };
}

import { formatAddress, type Prefix, parsePrefix, prefixSize } from "../addresses/prefix.ts";

/** Addresses of one family, first and last, as numbers. */
export interface AddressRange {
  readonly first: bigint;
  readonly last: bigint;
}

/** What of the prefix is in none of the exceptions: in order, no two that touch. */
export function rangesOf(prefix: string, except: readonly string[]): readonly AddressRange[] {
  const whole = parsePrefix(prefix);
  const holes = except.map(parsePrefix).filter(({ family }) => family === whole.family);
  const { first: start, last } = rangeOf(whole);
  let first = start;
  const ranges: AddressRange[] = [];
  for (const hole of joined(holes.map(rangeOf))) {
    if (hole.last < first) continue;
    if (hole.first > last) break;
    if (hole.first > first) ranges.push({ first, last: hole.first - 1n });
    first = hole.last + 1n;
  }
  return first > last ? ranges : [...ranges, { first, last }];
}

/** The same addresses in order, no two ranges that touch: an interval set takes nothing else. */
export function joined(ranges: readonly AddressRange[]): readonly AddressRange[] {
  const result: AddressRange[] = [];
  for (const range of ranges.toSorted((a, b) => (a.first < b.first ? -1 : 1))) {
    const before = result.at(-1);
    if (before === undefined || range.first > before.last + 1n) result.push(range);
    else if (range.last > before.last) result[result.length - 1] = { first: before.first, last: range.last };
  }
  return result;
}

/** "10.0.0.0-10.0.0.255", as `elementOf` of nft-statements.ts takes it. */
export function formatRange(family: 4 | 6, { first, last }: AddressRange): string {
  return `${formatAddress(family, first)}-${formatAddress(family, last)}`;
}

export function isEverything(family: 4 | 6, ranges: readonly AddressRange[]): boolean {
  const [only] = ranges;
  return only?.first === 0n && only.last === (1n << (family === 4 ? 32n : 128n)) - 1n;
}

function rangeOf(prefix: Prefix): AddressRange {
  return { first: prefix.base, last: prefix.base + prefixSize(prefix) - 1n };
}

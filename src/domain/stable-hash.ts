/** Letters of the hash text: base 32 without look-alikes, safe in link names, file names and aliases. */
const letters = "0123456789abcdefghjkmnpqrstvwxyz";

/** A container id up to this long stands in keys and aliases as it is; runtimes give 64 hex digits. */
const longestPlainId = 64;

/**
 * 64 bits of hash as 13 letters, the same in every process and release: names of links, MACs and shortened ids are
 * derived from it. Not cryptographic: it tells apart what runtimes hand out, nothing more.
 */
export function stableHash(text: string): string {
  const words = hashWords(text);
  let hash = "";
  for (const word of words)
    for (let shift = 0; shift < 30; shift += 5) hash += letters.charAt((word >>> shift) & 31);
  return hash + letters.charAt((words[0] >>> 30) | ((words[1] >>> 30) << 2));
}

/**
 * Two 32-bit words of hash over the UTF-16 units of a text: two multiply-xor lanes that are mixed into each other at
 * the end (the construction known as cyrb53, kept at its full width).
 */
export function hashWords(text: string): readonly [number, number] {
  let first = 0xdeadbeef;
  let second = 0x41c6ce57;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    first = Math.imul(first ^ unit, 0x9e3779b1);
    second = Math.imul(second ^ unit, 0x5f356495);
  }
  first = Math.imul(first ^ (first >>> 16), 0x85ebca6b) ^ Math.imul(second ^ (second >>> 13), 0xc2b2ae35);
  second = Math.imul(second ^ (second >>> 16), 0x85ebca6b) ^ Math.imul(first ^ (first >>> 13), 0xc2b2ae35);
  return [first >>> 0, second >>> 0];
}

/**
 * The form of a container id that keys and aliases carry: itself, or "~" and 26 letters of hash when it is longer than
 * `longestPlainId`. "~" occurs in no container id (CNI specification 1.1.0, section 2), and the result is its own short form.
 */
export function shortId(containerId: string): string {
  if (containerId.length <= longestPlainId) return containerId;
  return `~${stableHash(containerId)}${stableHash(`${containerId}/2`)}`;
}

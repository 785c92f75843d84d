/** Gives a whole number from 0 to below the limit. */
export type Random = (limit: number) => number;

/** Mulberry32 (Tommy Ettinger, public domain): one seed, one sequence. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}

/** The longest mutant. */
export const maxInputBytes = 64 * 1024;

const bytes = [0, 1, 3, 4, 7, 0x0a, 0x1b, 0x22, 0x5c, 0x7f, 0x80, 0x9b, 0xc0, 0xed, 0xff];
/** Numbers at which lengths and signs turn, little-endian. */
const numbers = [0, 1, 3, 15, 16, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff];
const texts = [
  "-1",
  "1e309",
  "9007199254740993",
  "null",
  "true",
  "[]",
  "{}",
  '""',
  "__proto__",
  "constructor",
  "\u202e",
  "\ud800",
];

/** One to eight small changes of an input: of bits, numbers, pieces, or pieces of another input. */
export function mutateInput(input: Buffer, other: Buffer, words: readonly string[], random: Random): Buffer {
  let mutant = input;
  for (let count = 1 + random(8); count > 0; count -= 1) mutant = change(mutant, other, words, random);
  return mutant.subarray(0, maxInputBytes);
}

function change(input: Buffer, other: Buffer, words: readonly string[], random: Random): Buffer {
  const at = random(input.length + 1);
  const length = pieceLength(random);
  switch (random(10)) {
    case 0:
      return over(input, at, Buffer.of((input[at] ?? 0) ^ (1 << random(8))));
    case 1:
      return over(input, at, Buffer.of(pick(bytes, random)));
    case 2: {
      const number = Buffer.alloc(4);
      number.writeUInt32LE(pick(numbers, random));
      return over(input, at & ~3, number.subarray(0, pick([2, 4], random)));
    }
    case 3:
      return splice(input, at, length, Buffer.alloc(0));
    case 4:
      return splice(input, at, 0, input.subarray(at, at + length));
    case 5: {
      const from = random(other.length + 1);
      return splice(input, at, pick([0, length], random), other.subarray(from, from + length));
    }
    case 6:
      return splice(input, at, 0, Buffer.from(pick(words, random)));
    case 7:
      return splice(input, at, pick([0, 1, length], random), Buffer.from(pick(texts, random)));
    case 8: {
      // A piece many times: depth, length, number.
      const piece = input.subarray(at, at + 1 + random(8));
      return splice(
        input,
        at,
        0,
        Buffer.concat(Array.from({ length: 1 << random(13) }, () => piece)).subarray(0, maxInputBytes),
      );
    }
    default:
      return input.subarray(0, at);
  }
}

/** Mostly short. */
function pieceLength(random: Random): number {
  return 1 + random(1 << (1 + random(10)));
}

function over(input: Buffer, at: number, piece: Buffer): Buffer {
  return splice(input, at, piece.length, piece);
}

function splice(input: Buffer, at: number, removed: number, added: Buffer): Buffer {
  return Buffer.concat([input.subarray(0, at), added, input.subarray(at + removed)]);
}

function pick<Item>(items: readonly Item[], random: Random): Item {
  return items[random(items.length)] as Item;
}

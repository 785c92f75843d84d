/** One piece of a recording, as it lies in memory. */
export interface StoredSegment {
  /** Number of its first entry. */
  readonly firstSeq: number;
  /** Wall-clock milliseconds. */
  readonly startedAt: number;
  /** Variable-length numbers (LEB128), one after the other. */
  readonly numbers: Buffer;
  /** Text 1 stands first; 0 is no text. */
  readonly texts: readonly string[];
}

/** Memory of fixed size for records of numbers and texts. What does not fit any more takes the place of the oldest segment. */
export interface RecordingMemory {
  /** Begins a segment; nothing is kept before the first. */
  begin(firstSeq: number, startedAt: number): void;
  /** Begins a record in the current segment: what is put from here on. */
  record(): void;
  /** Ends it. False, and nothing is kept of it, where the segment has no room for it. */
  fits(): boolean;
  /** Bytes that the current segment still has. */
  room(): number;
  /** Puts a whole number from 0 to 2^53 - 1; any other becomes 0. */
  number(value: number): void;
  /** Puts the number of a text, which stands once in each segment. "" is 0. */
  text(text: string): void;
  /** Copies of all segments, oldest first. */
  segments(): readonly StoredSegment[];
}

interface Segment {
  readonly bytes: Buffer;
  readonly firstSeq: number;
  readonly startedAt: number;
  /** End of the numbers and start of the texts, once the next segment began. */
  front: number;
  back: number;
}

/**
 * Numbers grow from the front of a segment and texts from its back, each ended by a line feed; it is full where they meet. Besides
 * the segments' bytes there is a table of the current one's texts.
 */
export function createRecordingMemory(
  limits: {
    readonly segments: number;
    readonly segmentBytes: number;
    /** Of one segment: bounds the table. */
    readonly texts: number;
  },
  /** What is written of a text, asked once for each in a segment. */
  written: (text: string) => string,
): RecordingMemory {
  const kept: Segment[] = [];
  let numbers = new Map<string, number>();
  let bytes: Buffer = Buffer.alloc(0);
  let front = 0;
  let back = 0;
  let overflowed = false;
  /** Where the record began. */
  let frontBefore = 0;
  let backBefore = 0;
  let textsBefore = 0;

  function number(value: number): void {
    let rest = value >= 0 && value <= Number.MAX_SAFE_INTEGER ? Math.floor(value) : 0;
    while (rest >= 128) {
      put((rest % 128) | 128);
      rest = Math.floor(rest / 128);
    }
    put(rest);
  }

  function put(byte: number): void {
    if (front < back) bytes[front++] = byte;
    else overflowed = true;
  }

  function text(given: string): void {
    if (given === "") {
      put(0);
      return;
    }
    const known = numbers.get(given);
    number(known ?? add(given));
  }

  function add(given: string): number {
    const line = written(given).replaceAll("\n", " ");
    const size = Buffer.byteLength(line) + 1;
    if (back - front < size || numbers.size >= limits.texts) {
      overflowed = true;
      return 0;
    }
    back -= size;
    bytes.write(line, back);
    bytes[back + size - 1] = lineFeed;
    const own = given.length < shortestSlice ? given : ownCopy(given, back, back + size - 1);
    numbers.set(own, numbers.size + 1);
    return numbers.size;
  }

  /** The given text may be a part of a longer one, which the table would keep alive. */
  function ownCopy(given: string, start: number, end: number): string {
    const copy = bytes.toString("utf8", start, end);
    return copy === given ? copy : given;
  }

  function endCurrent(): void {
    const current = kept.at(-1);
    if (current !== undefined) Object.assign(current, { front, back });
  }

  return {
    begin(firstSeq, startedAt) {
      endCurrent();
      const oldest = kept.length < limits.segments ? undefined : kept.shift();
      bytes = oldest?.bytes ?? Buffer.allocUnsafeSlow(limits.segmentBytes);
      front = 0;
      back = bytes.length;
      numbers = new Map();
      kept.push({ bytes, firstSeq, startedAt, front, back });
    },
    record() {
      overflowed = false;
      frontBefore = front;
      backBefore = back;
      textsBefore = numbers.size;
    },
    fits() {
      if (!overflowed) return true;
      front = frontBefore;
      back = backBefore;
      for (const added of [...numbers.keys()].slice(textsBefore)) numbers.delete(added);
      return false;
    },
    room: () => back - front,
    number,
    text,
    segments() {
      endCurrent();
      return kept.map((segment) => ({
        firstSeq: segment.firstSeq,
        startedAt: segment.startedAt,
        numbers: Buffer.from(segment.bytes.subarray(0, segment.front)),
        texts: segment.bytes.toString("utf8", segment.back).split("\n").slice(0, -1).toReversed(),
      }));
    },
  };
}

const lineFeed = 10;
/** V8 makes a part of a string a string of its own up to this length (SlicedString::kMinLength). */
const shortestSlice = 13;

import { cniErrorCodes } from "./cni-error-codes.ts";
import { type CniFailure, maxFrameBytes } from "./cni-protocol.ts";
import { quoted } from "./parsed.ts";

const newline = 0x0a;

/** What one chunk completed: decoded JSON in order, and the failure that ended the stream, if any. */
export interface Decoded {
  readonly frames: readonly unknown[];
  readonly failure?: CniFailure;
}

/** Decodes the byte stream of one connection. After a failure it answers every chunk with that failure. */
export interface FrameDecoder {
  readonly push: (chunk: Uint8Array) => Decoded;
}

/**
 * A decoder for one connection, daemon side. A frame that is not UTF-8 or not JSON, and a line longer than
 * `maxFrameBytes`, is a failure with code 6: answer it and close. It holds at most one unfinished frame.
 */
export function createFrameDecoder(): FrameDecoder {
  const utf8 = new TextDecoder("utf-8", { fatal: true });
  const decodeText = (bytes: Uint8Array): string => utf8.decode(bytes);
  let held = new Uint8Array(0);
  let heldBytes = 0;
  let failure: CniFailure | undefined;

  const hold = (part: Uint8Array): void => {
    const wanted = heldBytes + part.length;
    if (wanted > held.length) {
      const grown = new Uint8Array(Math.max(wanted, 2 * held.length));
      grown.set(held.subarray(0, heldBytes));
      held = grown;
    }
    held.set(part, heldBytes);
    heldBytes = wanted;
  };

  /** The whole line that `tail` ends; a line that came in one chunk is not copied. */
  const takeLine = (tail: Uint8Array): Uint8Array => {
    if (heldBytes === 0) return tail;
    hold(tail);
    const line = held.subarray(0, heldBytes);
    held = new Uint8Array(0);
    heldBytes = 0;
    return line;
  };

  const push = (chunk: Uint8Array): Decoded => {
    const frames: unknown[] = [];
    let start = 0;
    while (failure === undefined && start < chunk.length) {
      const end = chunk.indexOf(newline, start);
      const part = chunk.subarray(start, end === -1 ? chunk.length : end);
      start = end === -1 ? chunk.length : end + 1;
      if (heldBytes + part.length >= maxFrameBytes) failure = oversized();
      else if (end === -1) hold(part);
      else failure = decodeLine(decodeText, takeLine(part), frames);
    }
    if (failure === undefined) return { frames };
    held = new Uint8Array(0);
    heldBytes = 0;
    return { frames, failure };
  };
  return { push };
}

/** Appends the line's value to `frames`, or says why there is none. */
function decodeLine(
  decodeText: (bytes: Uint8Array) => string,
  line: Uint8Array,
  frames: unknown[],
): CniFailure | undefined {
  let text: string;
  try {
    text = decodeText(line);
  } catch {
    return malformed("bytes that are not UTF-8");
  }
  try {
    frames.push(JSON.parse(text));
    return undefined;
  } catch {
    return malformed(text === "" ? "an empty line" : quoted(text));
  }
}

function malformed(found: string): CniFailure {
  return {
    code: cniErrorCodes.decodingFailure,
    msg: `the frame is not a line of JSON: found ${found}`,
    details: "Send one JSON object and a newline.",
  };
}

function oversized(): CniFailure {
  return {
    code: cniErrorCodes.decodingFailure,
    msg: `the frame is longer than ${maxFrameBytes} bytes`,
    details: "Send one JSON object and a newline, at most 1 MiB together.",
  };
}

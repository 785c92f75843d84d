import { KubernetesRequestError } from "./kubernetes-error.ts";

/** Splits a stream into lines, whatever its chunks are. */
export interface LineDecoder {
  /** The lines that this chunk completes, without empty ones. Throws UNREADABLE for a line beyond the limit. */
  push(chunk: Buffer): readonly string[];
}

/** etcd takes requests of at most 1.5 MiB (--max-request-bytes), and JSON may need several times as much. */
const longestLineBytes = 16 * 1024 * 1024;
const lineFeed = 0x0a;

export function createLineDecoder(maxBytes: number = longestLineBytes): LineDecoder {
  let rest: Buffer[] = [];
  let restBytes = 0;
  const take = (end: Buffer): string => {
    const line = rest.length === 0 ? end : Buffer.concat([...rest, end]);
    rest = [];
    restBytes = 0;
    return line.toString("utf8");
  };
  const keep = (part: Buffer) => {
    restBytes += part.length;
    if (restBytes > maxBytes)
      throw new KubernetesRequestError(`a line of the watch is longer than ${maxBytes} bytes`, {
        code: "UNREADABLE",
        text: "a line without end",
      });
    rest.push(part);
  };
  return {
    push(chunk) {
      const lines: string[] = [];
      let start = 0;
      for (let end = chunk.indexOf(lineFeed); end !== -1; end = chunk.indexOf(lineFeed, start)) {
        const line = take(chunk.subarray(start, end));
        if (line.trim() !== "") lines.push(line);
        start = end + 1;
      }
      if (start < chunk.length) keep(chunk.subarray(start));
      return lines;
    },
  };
}

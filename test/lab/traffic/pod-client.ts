import { createSocket } from "node:dgram";
import { get } from "node:http";
import { isIPv6 } from "node:net";
import { dataOfZeroChecksum6 } from "./udp-checksum.ts";

/**
 * The client that runs in a pod's namespace, as a program; prints one JSON line. Modes that go on until SIGTERM print
 * "started" before it, once their first bytes are on the way.
 * - `fetch URL...`: gets each and reports bytes, milliseconds and the source address the server saw.
 * - `read URL`: reads until SIGTERM or the end and reports bytes, whether it broke, and the longest silence.
 * - `probe ADDRESS PORT INTERVAL_MS`: sends numbered datagrams until SIGTERM (two at once while it is late, for a busy machine),
 *   waits for stragglers, reports losses and when the first twenty lost ones were sent.
 * - `zero-checksum ADDRESS PORT`: sends one datagram over IPv6 whose checksum comes out as 0; true if its answer comes within 2 s.
 */
const startedLine = "started\n";
const stopped = new Promise<void>((resolve) => {
  process.once("SIGTERM", () => resolve());
});

/** One GET to its end. */
function fetchOnce(url: string): Promise<unknown> {
  const start = performance.now();
  return new Promise((resolve) => {
    const request = get(url, { timeout: 10_000, agent: false }, (response) => {
      const size = { bytes: 0 };
      response.on("data", (chunk: Buffer) => {
        size.bytes += chunk.length;
      });
      response.on("end", () => {
        const { "x-source-address": source } = response.headers;
        resolve({ url, bytes: size.bytes, milliseconds: performance.now() - start, source });
      });
      response.on("error", (error) => resolve({ url, error: error.message }));
    });
    request.on("timeout", () => request.destroy(new Error("no answer within 10 s")));
    request.on("error", (error) => resolve({ url, error: error.message }));
  });
}

/** A long read. */
function readUntilStopped(url: string): Promise<unknown> {
  return new Promise((resolve) => {
    const progress = { bytes: 0, lastAt: performance.now(), longestSilenceMs: 0 };
    const note = () => {
      const now = performance.now();
      progress.longestSilenceMs = Math.max(progress.longestSilenceMs, now - progress.lastAt);
      progress.lastAt = now;
    };
    const request = get(url, { agent: false }, (response) => {
      process.stdout.write(startedLine);
      progress.lastAt = performance.now();
      response.on("data", (chunk: Buffer) => {
        progress.bytes += chunk.length;
        note();
      });
      response.on("end", () => resolve({ ...progress, error: "the server ended" }));
      response.on("error", (error) => resolve({ ...progress, error: error.message }));
    });
    request.on("error", (error) => resolve({ ...progress, error: error.message }));
    stopped.then(() => {
      note();
      resolve(progress);
    });
  });
}

/** Numbered datagrams to an echo. */
async function probe(address: string, port: number, intervalMs: number): Promise<unknown> {
  const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
  const sentAt = new Map<number, number>();
  const gaps = { sent: 0, received: 0, lastAnswerAt: performance.now(), longestSilenceMs: 0, silentFrom: "" };
  const noteSilence = (until: number) => {
    const silenceMs = until - gaps.lastAnswerAt;
    if (silenceMs <= gaps.longestSilenceMs) return;
    gaps.longestSilenceMs = silenceMs;
    gaps.silentFrom = new Date(performance.timeOrigin + gaps.lastAnswerAt).toISOString();
  };
  socket.on("message", (message) => {
    if (!sentAt.delete(message.readUInt32BE(0))) return;
    const now = performance.now();
    gaps.received += 1;
    noteSilence(now);
    gaps.lastAnswerAt = now;
  });
  socket.on("error", () => {
    // "Network is unreachable" and the like: the datagram stays unanswered and counts as lost.
  });
  await new Promise<void>((resolve) => socket.bind(0, resolve));
  const send = () => {
    const datagram = Buffer.alloc(64);
    datagram.writeUInt32BE(gaps.sent);
    sentAt.set(gaps.sent, performance.now());
    gaps.sent += 1;
    socket.send(datagram, port, address, () => {});
  };
  const startedAt = performance.now();
  gaps.lastAnswerAt = startedAt;
  send();
  const timer = setInterval(() => {
    send();
    if (gaps.sent * intervalMs < performance.now() - startedAt) send();
  }, intervalMs);
  process.stdout.write(startedLine);
  await stopped;
  clearInterval(timer);
  const endedAt = performance.now();
  // On a machine under load an answer may be long on its way: late is not lost. What was lost long before keeps nobody waiting.
  const mayCome = () => [...sentAt.values()].some((at) => performance.now() - at < 5000);
  while (mayCome()) await new Promise((resolve) => setTimeout(resolve, 10));
  socket.close();
  if (sentAt.size > 0) noteSilence(endedAt);
  const { sent, received, longestSilenceMs, silentFrom } = gaps;
  const lost = [...sentAt].map(
    ([number, at]) => `${number} at ${new Date(performance.timeOrigin + at).toISOString()}`,
  );
  return { sent, received, longestSilenceMs, silentFrom, lost: lost.slice(0, 20) };
}

async function zeroChecksum(address: string, port: number): Promise<boolean> {
  const socket = createSocket("udp6");
  await new Promise<void>((resolve) => socket.connect(port, address, resolve));
  const answered = new Promise<boolean>((resolve) => {
    socket.once("message", () => resolve(true));
    setTimeout(() => resolve(false), 2000);
  });
  socket.send(dataOfZeroChecksum6(socket.address(), { address, port }));
  return await answered;
}

async function main([mode, first = "", ...rest]: readonly string[]): Promise<unknown> {
  switch (mode) {
    case "fetch": {
      const answers: unknown[] = [];
      for (const url of [first, ...rest]) answers.push(await fetchOnce(url));
      return answers;
    }
    case "read":
      return await readUntilStopped(first);
    case "probe":
      return await probe(first, Number(rest[0]), Number(rest[1]));
    case "zero-checksum":
      return await zeroChecksum(first, Number(rest[0]));
    default:
      throw new Error(`no mode "${mode ?? ""}"`);
  }
}

process.stdout.write(`${JSON.stringify(await main(process.argv.slice(2)))}\n`, () => process.exit(0));

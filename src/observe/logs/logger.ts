import { pino } from "pino";
import { visible } from "../../protocol/visible-text.ts";
import { redactLine } from "./redaction.ts";

export type LogLevel = "debug" | "info" | "warn" | "error" | "fatal";
export type Logger = pino.Logger;

/** Takes whole lines; `flushSync` is called after a fatal line. */
export interface LogDestination {
  write(line: string): void;
  flushSync?(): void;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Fields of every line. */
  readonly base: Readonly<Record<string, string>>;
  /** Standard output when absent. */
  readonly destination?: LogDestination;
  /** Hears of every finished line, after its secrets are gone. */
  readonly copy?: (line: string) => void;
}

export interface Logging {
  readonly log: Logger;
  /** Holds for `log` and for every child made of it, from the next line on. */
  setLevel(level: LogLevel): void;
  /** From the next line on this text never appears in a log, whatever it stands in; for keys without a known shape. */
  hide(secret: string): void;
  /** A line of JSON as it may be shown to people: without keys and without hidden texts. */
  redact(line: string): string;
}

/** JSON lines, fields first, constant text; keys and control characters are removed from the finished line, so no caller can leak one. */
export function createLogger(options: LoggerOptions): Logging {
  const destination = options.destination ?? standardOutput();
  const secrets: string[] = [];
  const children = new Set<WeakRef<Logger>>();
  const log: Logger = pino(
    {
      level: options.level,
      base: options.base,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // A child copies the level when it is made; a live change has to reach it.
      onChild: (child) => children.add(new WeakRef(child as Logger)),
    },
    {
      write: (line: string) => {
        const safe = visible(redactLine(line, secrets));
        destination.write(safe);
        options.copy?.(safe);
      },
      flushSync: () => destination.flushSync?.(),
    } as pino.DestinationStream,
  );
  return {
    log,
    setLevel(level) {
      log.level = level;
      for (const reference of children) {
        const child = reference.deref();
        if (child === undefined) children.delete(reference);
        else child.level = level;
      }
    },
    redact: (line) => redactLine(line, secrets),
    hide(secret) {
      // As it stands in a JSON line; shorter texts would tear holes into words.
      const written = JSON.stringify(secret).slice(1, -1);
      if (written.length >= 8 && !secrets.includes(written)) secrets.push(written);
    },
  };
}

/**
 * Writes without blocking the event loop, in order, and flushes when the process exits or logs a fatal line. A reader
 * that stalls makes it drop lines beyond 8 MiB instead of stopping the daemon.
 */
function standardOutput(): LogDestination {
  const output = pino.destination({ fd: 1, sync: false, maxLength: 8 * 1024 * 1024 });
  // A closed pipe must not end the daemon: pods need it more than its log does.
  output.on("error", () => undefined);
  return output;
}

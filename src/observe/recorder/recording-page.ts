import * as z from "zod";
import type { PageOf } from "../pages/page-of.ts";

/** Raised by a release whose recordings an earlier one would misread. */
export const recordingFormat = 1;

/**
 * First number of each record, with what follows. A machine is a text of its key, its parent's key, its machine's name, its own name and
 * subject; a state one of its name and, where the name does not say them, its paths: each with tabs between.
 */
export const recordKinds = {
  /** A machine as it is where a segment begins: machine, state, transitions, limit, since, error. */
  running: 1,
  /** time, machine, state, transitions, limit, from, event, held. */
  transition: 2,
  /** time, type, source machine, target machine, effect, failure. */
  message: 3,
  /** time, machine, error. */
  failed: 4,
  /** time, machine. */
  ended: 5,
} as const;

/**
 * Body of `/debug/recording`, and a file of its own in an archive of diagnostics: what the flight recorder holds. Texts are without secrets;
 * numbers name them by their place in `texts`, from 1 on.
 */
export const recordingPageSchema = z.looseObject({
  format: z.literal(recordingFormat),
  daemon: z.object({ node: z.string(), version: z.string(), pid: z.number() }),
  /** When the page was made, in milliseconds since the epoch. */
  at: z.int(),
  /** Oldest first. */
  segments: z.array(
    z.looseObject({
      /** Number of the first entry. */
      firstSeq: z.int().nonnegative(),
      /** Milliseconds since the epoch; the times of records follow each other from here. */
      startedAt: z.int(),
      texts: z.array(z.string()),
      /** Variable-length numbers (LEB128) in base64. */
      records: z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/),
    }),
  ),
});

export type RecordingPage = PageOf<typeof recordingPageSchema>;

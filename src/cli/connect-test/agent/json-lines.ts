import type { Readable, Writable } from "node:stream";
import * as z from "zod";
import { toFailure } from "../../../domain/failure.ts";
import { parseJson } from "../../../domain/parse-json.ts";
import { ConnectTestError } from "./connect-test-error.ts";

const requestSchema = z.object({ id: z.int(), ask: z.string(), input: z.unknown() });
const answerSchema = z.union([
  z.object({ id: z.int(), value: z.unknown() }),
  z.object({ id: z.int(), fault: z.string() }),
]);
const longestLine = 4 * 1024 * 1024;

/** Questions and answers as JSON, one a line: between headcnictl on different nodes, and with processes in a pod's namespace. */
export interface JsonLinesClient {
  /** Throws ConnectTestError: the other side's fault in its words, or that it is gone. */
  ask<Schema extends z.ZodType>(question: string, input: unknown, schema: Schema): Promise<z.output<Schema>>;
}

/**
 * Asks over `to` and hears over `from`; lines that are no answers are ignored (a login's greeting, for example). `ended` resolves
 * with the other side's last words once it is gone.
 */
export function jsonLinesClient(to: Writable, from: Readable, ended: Promise<string>): JsonLinesClient {
  type Waiting = { readonly resolve: (value: unknown) => void; readonly reject: (error: Error) => void };
  const waiting = new Map<number, Waiting>();
  let next = 1;
  let lastWords: string | undefined;
  void ended.then((words) => {
    lastWords = words;
    for (const { reject } of waiting.values()) reject(helperFailed(words));
    waiting.clear();
  });
  eachLine(from, (line) => {
    const answer = answerSchema.safeParse(parseJson(line));
    if (!answer.success) return;
    const call = waiting.get(answer.data.id);
    waiting.delete(answer.data.id);
    if ("fault" in answer.data) call?.reject(helperFailed(answer.data.fault));
    else call?.resolve(answer.data.value);
  });
  // A process that does not read its stdin ends soon, and says why.
  to.on("error", () => undefined);
  return {
    ask: async (question, input, schema) => {
      if (lastWords !== undefined) throw helperFailed(lastWords);
      const id = next++;
      const value = await new Promise<unknown>((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        to.write(`${JSON.stringify({ id, ask: question, input })}\n`);
      });
      const parsed = schema.safeParse(value);
      if (parsed.success) return parsed.data;
      throw helperFailed(`its answer to "${question}" is not understood; is it of another version?`);
    },
  };
}

export type Answerers = Readonly<Record<string, (input: unknown) => Promise<unknown>>>;

/** Answers until `from` ends; resolves then. */
export function answerJsonLines(from: Readable, to: Writable, answerers: Answerers): Promise<void> {
  const answer = async (line: string) => {
    const request = requestSchema.safeParse(parseJson(line));
    if (!request.success) return;
    const { id, ask, input } = request.data;
    const work = answerers[ask];
    const reply =
      work === undefined
        ? { id, fault: `"${ask}" is unknown here; is headcnictl of another version?` }
        : await work(input).then(
            (value) => ({ id, value: value ?? null }),
            (error: unknown) => ({ id, fault: toFailure(error).message }),
          );
    to.write(`${JSON.stringify(reply)}\n`);
  };
  eachLine(from, (line) => void answer(line));
  return new Promise((resolve) => from.once("close", resolve).once("end", resolve));
}

function eachLine(from: Readable, hear: (line: string) => void): void {
  let rest = "";
  from.setEncoding("utf8");
  from.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = (lines.pop() ?? "").slice(0, longestLine);
    for (const line of lines) hear(line);
  });
  from.on("error", () => undefined);
}

function helperFailed(text: string): ConnectTestError {
  return new ConnectTestError(text, { code: "HELPER_FAILED" });
}

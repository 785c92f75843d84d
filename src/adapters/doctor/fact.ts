import type { Fact } from "../../domain/doctor/facts.ts";
import { toFailure } from "../../domain/failure.ts";

/** The value, or why there is none. */
export async function factOf<T>(read: () => Promise<T> | T): Promise<Fact<T>> {
  try {
    return { value: await read() };
  } catch (error) {
    return { unknown: toFailure(error).message };
  }
}

/** errno name of what Node threw. */
export function errnoOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}

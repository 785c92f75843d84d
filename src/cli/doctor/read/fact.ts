import { toFailure } from "../../../domain/failure.ts";
import type { Fact } from "../judge/facts.ts";

/** The value, or why there is none. */
export async function factOf<T>(read: () => Promise<T> | T): Promise<Fact<T>> {
  try {
    return { value: await read() };
  } catch (error) {
    return { unknown: toFailure(error).message };
  }
}

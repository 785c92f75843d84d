import * as z from "zod";

/** A list as Go programs write it: they leave an empty one out, or write a nil one as null. */
export function goList<Item extends z.ZodType>(item: Item) {
  return z
    .array(item)
    .nullish()
    .transform((list) => list ?? []);
}

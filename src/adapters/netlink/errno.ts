import { constants } from "node:os";

/** Second names of a number that has another one. */
const synonyms: ReadonlySet<string> = new Set(["EWOULDBLOCK", "ENOTSUP"]);
const namesByNumber: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno)
    .filter(([name]) => !synonyms.has(name))
    .map(([name, number]) => [number, name]),
);

/** Linux's name of an errno ("EEXIST"); the number in words when Node knows no name for it. */
export function errnoName(number: number): string {
  return namesByNumber.get(Math.abs(number)) ?? `errno ${Math.abs(number)}`;
}

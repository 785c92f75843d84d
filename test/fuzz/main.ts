import { parseArgs } from "node:util";
import { keepFault } from "./corpus.ts";
import { fuzz } from "./run-fuzz.ts";
import { targets } from "./targets.ts";

/** `npm run fuzz -- --seconds N [TARGET...]`: what reads bytes of others, with bytes of nobody. test/README.md describes it. */

const known = Object.keys(targets);
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: "string", default: "60" }, seed: { type: "string" } },
});
const wanted = positionals.length === 0 ? known : positionals;
const seconds = Number(values.seconds);
const given = values.seed === undefined ? undefined : Number(values.seed);
const wrong = wanted.find((name) => !known.includes(name));
if (wrong !== undefined || !(seconds > 0) || (given !== undefined && !Number.isInteger(given))) {
  console.error(
    `Usage: npm run fuzz -- [--seconds N] [--seed N] [TARGET...]\nN seconds for each of: ${known.join(", ")}`,
  );
  process.exit(2);
}
let faults = 0;
for (const target of wanted) {
  const seed = given ?? Math.floor(Math.random() * 2 ** 32);
  const { inputs, fault } = await fuzz({ target, seed, seconds });
  console.log(`${target}: ${inputs} inputs, seed ${seed}${fault === undefined ? "" : ", a fault"}`);
  if (fault === undefined) continue;
  faults += 1;
  console.log(`FAULT ${keepFault(target, fault.input)}\n${fault.why}`);
}
process.exitCode = faults === 0 ? 0 : 1;

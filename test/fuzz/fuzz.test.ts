import { randomInt } from "node:crypto";
import { expect, test } from "vitest";
import { fuzz } from "./run-fuzz.ts";
import { targets } from "./targets.ts";

test.for(Object.keys(targets))(
  "%s gives a declared answer to every kept input and to some hundred fresh ones",
  async (target) => {
    const seed = randomInt(2 ** 32);
    const { inputs, fault } = await fuzz({ target, seed, inputs: 200 });
    // Kept by `npm run fuzz`, or from here: the input is a file's content as base64.
    expect(fault && { seed, why: fault.why, input: fault.input.toString("base64") }).toBeUndefined();
    expect(inputs).toBeGreaterThan(200);
  },
);

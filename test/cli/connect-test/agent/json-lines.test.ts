import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { z } from "zod";
import { startHelperProgram } from "../../../../src/cli/connect-test/agent/helper-program.ts";
import { answerJsonLines, jsonLinesClient } from "../../../../src/cli/connect-test/agent/json-lines.ts";

const never = new Promise<string>(() => undefined);

function joined() {
  const [there, back] = [new PassThrough(), new PassThrough()];
  const served = answerJsonLines(there, back, {
    double: async (input) => z.number().parse(input) * 2,
    late: async () => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return "late";
    },
    nothing: async () => undefined,
  });
  return { client: jsonLinesClient(there, back, never), there, back, served };
}

test("questions that run at once each get their own answer", async () => {
  const { client } = joined();
  const answers = [client.ask("late", null, z.string()), client.ask("double", 21, z.number())];
  expect(await Promise.all(answers)).toEqual(["late", 42]);
  expect(await client.ask("nothing", null, z.null())).toBeNull();
});

test("faults, unknown questions and strange answers are told", async () => {
  const { client } = joined();
  await expect(client.ask("double", "x", z.number())).rejects.toThrow();
  await expect(client.ask("dance", null, z.number())).rejects.toThrow('"dance" is unknown here');
  await expect(client.ask("double", 1, z.string())).rejects.toThrow("not understood");
});

test("lines that are no answers are passed over, and answers may come in pieces", async () => {
  const { client, back } = joined();
  back.write("Welcome to n2!\n{}\n");
  const answer = client.ask("late", null, z.string());
  back.write('{"id":1,"val');
  back.write('ue":"early"}\n');
  expect(await answer).toBe("early");
});

test("the other side ends when its input does", async () => {
  const { there, served } = joined();
  there.end();
  await served;
});

test("a program that ends answers with its last words", async () => {
  const { client } = startHelperProgram(["sh", "-c", "echo no route to host >&2; exit 7"]);
  await expect(client.ask("begin", null, z.null())).rejects.toThrow("no route to host");
  const { client: mute } = startHelperProgram(["sh", "-c", "exit 7"]);
  await expect(mute.ask("begin", null, z.null())).rejects.toThrow("it ended with 7");
  await expect(mute.ask("begin", null, z.null())).rejects.toThrow("it ended with 7");
});

test("a program that is not there is named", async () => {
  const { client } = startHelperProgram(["no-such-program"]);
  await expect(client.ask("begin", null, z.null())).rejects.toThrow("no-such-program ENOENT");
});

import { expect, test } from "vitest";
import { exitCodeOf, outcomeLines } from "../commands/attack.ts";
import { LabError } from "../lab-error.ts";
import type { Lab } from "../lab-types.ts";
import { allAttacks } from "./all-attacks.ts";
import { type Attack, type Finding, promises, type Scene } from "./attack.ts";
import { attackNamed, sceneOf, tryAttack } from "./try-attack.ts";

const harmless: Finding = { saw: "nothing reached the pod", harm: false };
const harmful: Finding = { saw: "the pod got UDP", harm: true };

function attackThat(run: Attack["run"], kubernetes?: boolean): Attack {
  const place = kubernetes === undefined ? {} : { kubernetes };
  return { name: "test", promise: "underlay", does: "a test sends", run, ...place };
}

const lab = {
  id: "t",
  options: { families: [4] },
  nodes: [
    { name: "n1", mode: "daemon" },
    { name: "n2", mode: "daemon" },
  ],
} as unknown as Lab;
const scene = sceneOf(lab, "n2");

test("an attack that saw no harm failed: exit code 0", async () => {
  const attack = attackThat(async () => [harmless]);
  const outcome = await tryAttack(attack, scene);
  expect(outcomeLines(attack, outcome)).toEqual([
    "does:    a test sends",
    "saw:     nothing reached the pod",
    "verdict: failed",
  ]);
  expect(exitCodeOf(outcome)).toBe(0);
});

test("an attack that saw any harm succeeded, and the harm stands first: exit code 1", async () => {
  const attack = attackThat(async () => [harmless, harmful]);
  const outcome = await tryAttack(attack, scene);
  expect(outcomeLines(attack, outcome)).toEqual([
    "does:    a test sends",
    "saw:     the pod got UDP; nothing reached the pod",
    "verdict: succeeded",
  ]);
  expect(exitCodeOf(outcome)).toBe(1);
});

test("an attack whose honest traffic does not pass could not be tried: exit code 2, on one line", async () => {
  const attack = attackThat(() => Promise.reject(new LabError("NOT_READY", "no ping\nfor 30 s")));
  const outcome = await tryAttack(attack, scene);
  expect(outcomeLines(attack, outcome)[1]).toBe("saw:     no ping | for 30 s");
  expect(exitCodeOf(outcome)).toBe(2);
});

test("an error that is none of the lab's is thrown on: it is a fault of the kit", async () => {
  const attack = attackThat(() => Promise.reject(new TypeError("undefined")));
  await expect(tryAttack(attack, scene)).rejects.toThrow(TypeError);
});

test("an attack on a cluster is not tried without one", async () => {
  const attack = attackThat(() => Promise.resolve([harmful]), true);
  expect(await tryAttack(attack, scene)).toEqual({
    verdict: "untried",
    why: "it takes a lab with a cluster: up --kubernetes",
  });
});

test("an attack on a node in one mode is not tried on a node in the other", async () => {
  const attack = { ...attackThat(() => Promise.resolve([harmful])), mode: "host" } as const;
  expect(await tryAttack(attack, scene)).toEqual({
    verdict: "untried",
    why: "it takes a node in mode host: up --mode host",
  });
  const node = { ...scene.node, mode: "host" } as const;
  expect(await tryAttack(attack, { ...scene, node })).toMatchObject({ verdict: "succeeded" });
});

test("the other node is the first that is not attacked", () => {
  const names = ({ node, other }: Scene) => [node.name, other.name];
  expect(names(scene)).toEqual(["n2", "n1"]);
  expect(() => sceneOf({ ...lab, nodes: lab.nodes.slice(0, 1) }, "n1")).toThrow("two nodes");
});

test("a name that is nearly right is guessed", () => {
  expect(() => attackNamed("neighbor-to-remote-pods")).toThrow("did you mean neighbour-to-remote-pods?");
});

test("names are words with dashes, each once, and every promise has an attack", () => {
  const names = allAttacks.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(name).toMatch(/^[a-z]+(-[a-z]+)+$/);
  const attacked = new Set(allAttacks.map(({ promise }) => promise));
  expect([...attacked].sort()).toEqual(Object.keys(promises).sort());
});

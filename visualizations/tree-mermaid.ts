import type { ActorTree } from "./actor-tree.ts";

/** Who runs whom as a Mermaid flowchart; a dotted line is a spawned actor. */
export function treeMermaid(tree: ActorTree): string {
  return ["flowchart LR", ...linesOf(tree, tree.name), ""].join("\n");
}

function linesOf(actor: ActorTree, id: string): readonly string[] {
  const title = actor.name === actor.machine ? actor.name : `${actor.name} (${actor.machine})`;
  return [
    `  ${id}["${[title, ...actor.effects].join("<br/>")}"]`,
    ...actor.children.flatMap((child) => {
      const childId = `${id}_${child.name}`;
      return [...linesOf(child, childId), `  ${id} ${child.runs === "spawned" ? "-.->" : "-->"} ${childId}`];
    }),
  ];
}

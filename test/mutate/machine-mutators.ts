import ts from "typescript";
import type { Change } from "./find-mutants.ts";

const actionKeys = new Set(["actions", "entry", "exit"]);
const handlerKeys = new Set(["on", "after"]);
const transitionKeys = new Set(["always", "onDone", "onError", "onSnapshot"]);

/** Changes of a statechart: a removed action, guard or transition, a turned guard, another target. */
export function machineChanges(node: ts.Node): readonly Change[] {
  if (ts.isStringLiteral(node) && isTarget(node)) return otherTarget(node);
  if (!ts.isPropertyAssignment(node)) return [];
  const key = node.name.getText();
  if (actionKeys.has(key) && !isDefinitions(node)) return removedActions(node.initializer);
  if (key === "guard") return changedGuard(node.initializer);
  if (key === "guards" && ts.isObjectLiteralExpression(node.initializer))
    return node.initializer.properties.flatMap(turnedDefinition);
  if (transitionKeys.has(key)) return removedTransition(node);
  if (handlerKeys.has(key) && ts.isObjectLiteralExpression(node.initializer))
    return node.initializer.properties.flatMap(removedTransition);
  return [];
}

/** `actions: { name: ... }` of `setup` defines actions, it does not list them. */
function isDefinitions(node: ts.PropertyAssignment): boolean {
  if (!ts.isObjectLiteralExpression(node.initializer)) return false;
  return !node.initializer.properties.some((property) => property.name?.getText() === "type");
}

function removedActions(list: ts.Expression): readonly Change[] {
  if (!ts.isArrayLiteralExpression(list)) return [{ mutator: "action", node: list, replacement: "[]" }];
  return list.elements
    .filter((element) => ts.isStringLiteral(element))
    .map((node) => ({ mutator: "action", node, replacement: "", takesComma: true }));
}

const addition = '\nimport { not as turnedGuard } from "xstate";\n';

function changedGuard(guard: ts.Expression): readonly Change[] {
  const turned = `turnedGuard(${guard.getText()})`;
  return [
    { mutator: "guard", node: guard, replacement: "() => true" },
    { mutator: "guard", node: guard, replacement: turned, addition },
  ];
}

/** A guard's definition `name: (...) => condition`, unless a mutator of the condition does the same. */
function turnedDefinition(property: ts.ObjectLiteralElementLike): readonly Change[] {
  if (!ts.isPropertyAssignment(property) || !ts.isArrowFunction(property.initializer)) return [];
  const body = property.initializer.body;
  if (ts.isBlock(body) || ts.isBinaryExpression(body) || ts.isPrefixUnaryExpression(body)) return [];
  return [{ mutator: "guard", node: body, replacement: `!(${body.getText()})` }];
}

/** The whole handler: each of several candidates is an element already. */
function removedTransition(property: ts.ObjectLiteralElementLike): readonly Change[] {
  if (ts.isSpreadAssignment(property)) return [];
  return [{ mutator: "transition", node: property, replacement: "", takesComma: true }];
}

/** A name of an action, a guard, an actor or a state: another name is a removed action, guard, actor or transition. */
export function namesPartOfMachine(node: ts.Node): boolean {
  const property = ts.isArrayLiteralExpression(node.parent) ? node.parent.parent : node.parent;
  if (!ts.isPropertyAssignment(property)) return false;
  const key = property.name.getText();
  return (
    key === "guard" || key === "src" || actionKeys.has(key) || (ts.isStringLiteral(node) && isTarget(node))
  );
}

function isTarget(node: ts.StringLiteral): boolean {
  const { parent } = node;
  if (!ts.isPropertyAssignment(parent) || parent.initializer !== node) return false;
  const key = parent.name.getText();
  if (key === "target" || key === "initial" || transitionKeys.has(key)) return true;
  const grandparent = parent.parent.parent;
  return ts.isPropertyAssignment(grandparent) && handlerKeys.has(grandparent.name.getText());
}

/** The next of the states among which the target stands. */
function otherTarget(node: ts.StringLiteral): readonly Change[] {
  const names = neighbours(node);
  const other = names[(names.indexOf(node.text) + 1) % names.length];
  if (other === undefined || other === node.text) return [];
  return [{ mutator: "target", node, replacement: JSON.stringify(other) }];
}

function neighbours(node: ts.StringLiteral): readonly string[] {
  const { text } = node;
  if (text.startsWith("#")) return targetsOfFile(node).filter((name) => name.startsWith("#"));
  const isInner =
    text.startsWith(".") || (ts.isPropertyAssignment(node.parent) && isNamed(node.parent, "initial"));
  let current: ts.Node = node;
  while (!ts.isSourceFile(current)) {
    if (ts.isObjectLiteralExpression(current)) {
      const states = statesOf(current, isInner);
      if (states?.includes(text.replace(/^\./, "")))
        return text.startsWith(".") ? states.map((name) => `.${name}`) : states;
    }
    current = current.parent;
  }
  return targetsOfFile(node).filter((name) => !/^[.#]/.test(name));
}

/** The states of a node itself, or (`states: { a: ..., b: ... }`) those a state stands among. */
function statesOf(object: ts.ObjectLiteralExpression, isInner: boolean): readonly string[] | undefined {
  const states = object.properties.find((property) => isNamed(property, "states"));
  if (
    states !== undefined &&
    ts.isPropertyAssignment(states) &&
    ts.isObjectLiteralExpression(states.initializer)
  )
    return keysOf(states.initializer);
  const { parent } = object;
  return !isInner && ts.isPropertyAssignment(parent) && isNamed(parent, "states")
    ? keysOf(object)
    : undefined;
}

function keysOf(object: ts.ObjectLiteralExpression): readonly string[] {
  return object.properties.flatMap((property) =>
    property.name === undefined ? [] : [property.name.getText()],
  );
}

function isNamed(property: ts.ObjectLiteralElementLike, name: string): boolean {
  return property.name?.getText() === name;
}

/** Where the states stand in another file: the targets that this file names. */
function targetsOfFile(node: ts.Node): readonly string[] {
  const names = new Set<string>();
  const visit = (child: ts.Node): void => {
    if (ts.isStringLiteral(child) && isTarget(child)) names.add(child.text);
    ts.forEachChild(child, visit);
  };
  visit(node.getSourceFile());
  return [...names];
}

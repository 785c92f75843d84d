import ts from "typescript";
import { machineChanges, namesPartOfMachine } from "./machine-mutators.ts";
import type { Mutant, Mutator } from "./mutant.ts";

/** A change at a node, before it is placed in the file. */
export type Change = {
  readonly mutator: Mutator;
  readonly node: ts.Node;
  readonly replacement: string;
  /** The change takes the comma that follows the node, too. */
  readonly takesComma?: boolean;
  readonly addition?: string;
};

const comparisons: ReadonlyMap<ts.SyntaxKind, readonly (readonly [Mutator, string])[]> = new Map([
  [ts.SyntaxKind.EqualsEqualsEqualsToken, [["comparison", "!=="]]],
  [ts.SyntaxKind.ExclamationEqualsEqualsToken, [["comparison", "==="]]],
  [
    ts.SyntaxKind.LessThanToken,
    [
      ["comparison", ">="],
      ["boundary", "<="],
    ],
  ],
  [
    ts.SyntaxKind.LessThanEqualsToken,
    [
      ["comparison", ">"],
      ["boundary", "<"],
    ],
  ],
  [
    ts.SyntaxKind.GreaterThanToken,
    [
      ["comparison", "<="],
      ["boundary", ">="],
    ],
  ],
  [
    ts.SyntaxKind.GreaterThanEqualsToken,
    [
      ["comparison", "<"],
      ["boundary", ">"],
    ],
  ],
]);

const operators: ReadonlyMap<ts.SyntaxKind, string> = new Map([
  [ts.SyntaxKind.PlusToken, "-"],
  [ts.SyntaxKind.MinusToken, "+"],
  [ts.SyntaxKind.AsteriskToken, "/"],
  [ts.SyntaxKind.SlashToken, "*"],
  [ts.SyntaxKind.PercentToken, "*"],
  [ts.SyntaxKind.AmpersandToken, "|"],
  [ts.SyntaxKind.BarToken, "&"],
  [ts.SyntaxKind.LessThanLessThanToken, ">>"],
  [ts.SyntaxKind.GreaterThanGreaterThanToken, "<<"],
  [ts.SyntaxKind.GreaterThanGreaterThanGreaterThanToken, "<<"],
  [ts.SyntaxKind.PlusEqualsToken, "-="],
  [ts.SyntaxKind.MinusEqualsToken, "+="],
]);

/** Steps of a chain that only choose or order: without them the chain still has its type. */
const choosing = new Set(["filter", "toSorted", "sort", "toReversed", "slice"]);
const swappedCalls: ReadonlyMap<string, string> = new Map([
  ["some", "every"],
  ["every", "some"],
  ["min", "max"],
  ["max", "min"],
]);

/** All mutants of a file, in the order of its text. */
export function findMutants(file: string, text: string): readonly Mutant[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const isMachine = file.startsWith("machines/");
  const found: Mutant[] = [];
  const visit = (node: ts.Node): void => {
    if (isNotBehaviour(node)) return;
    for (const change of changesAt(node)) found.push(place(source, change));
    if (isMachine) for (const change of machineChanges(node)) found.push(place(source, change));
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found.toSorted((a, b) => a.start - b.start || a.end - b.end);
}

/** Imports, types, `meta` of a state, and what is written into a text. */
function isNotBehaviour(node: ts.Node): boolean {
  return (
    ts.isImportDeclaration(node) ||
    ts.isTypeNode(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isInterfaceDeclaration(node) ||
    (ts.isPropertyAssignment(node) && ["meta", "description"].includes(node.name.getText())) ||
    isText(node) ||
    (ts.isConditionalExpression(node) && (isText(node.whenTrue) || isText(node.whenFalse))) ||
    // A placeholder names what it stands for; nothing but its message shows the name.
    (ts.isCallExpression(node) && node.expression.getText().startsWith("notProvided"))
  );
}

/** What has a blank is a sentence for people; a choice between sentences is one, too. */
function isText(node: ts.Node): boolean {
  if (ts.isStringLiteralLike(node)) return /\s/.test(node.text);
  if (!ts.isTemplateExpression(node)) return false;
  return [node.head, ...node.templateSpans.map(({ literal }) => literal)].some(({ text }) => /\s/.test(text));
}

function changesAt(node: ts.Node): readonly Change[] {
  if (ts.isIfStatement(node) || ts.isWhileStatement(node)) return negation(node.expression);
  if (ts.isConditionalExpression(node)) return negation(node.condition);
  if (ts.isBinaryExpression(node)) return binary(node);
  if (ts.isPrefixUnaryExpression(node)) return prefix(node);
  if (ts.isExpressionStatement(node)) return removedStatement(node, node.expression);
  if (ts.isThrowStatement(node)) return [{ mutator: "statement", node, replacement: ";" }];
  if (ts.isSpreadElement(node) || ts.isSpreadAssignment(node))
    return [{ mutator: "spread", node, replacement: "", takesComma: true }];
  if (ts.isCallExpression(node)) return calls(node);
  if (ts.isArrayLiteralExpression(node)) return elements(node);
  return constant(node);
}

/** `if (c)` becomes `if (!(c))`, unless a mutator of `c` itself does the same. */
function negation(condition: ts.Expression): readonly Change[] {
  const inner = withoutParentheses(condition);
  if (ts.isBinaryExpression(inner) && comparisons.has(inner.operatorToken.kind)) return [];
  if (ts.isPrefixUnaryExpression(inner) && inner.operator === ts.SyntaxKind.ExclamationToken) return [];
  return [{ mutator: "condition", node: condition, replacement: `!(${condition.getText()})` }];
}

function binary(node: ts.BinaryExpression): readonly Change[] {
  const { left, right, operatorToken } = node;
  const swapped = (mutator: Mutator, operator: string): Change => ({
    mutator,
    node: operatorToken,
    replacement: operator,
  });
  switch (operatorToken.kind) {
    case ts.SyntaxKind.AmpersandAmpersandToken:
      return [swapped("logic", "||")];
    case ts.SyntaxKind.BarBarToken:
      return [swapped("logic", "&&")];
    case ts.SyntaxKind.QuestionQuestionToken:
      return [{ mutator: "logic", node, replacement: left.getText() }];
    case ts.SyntaxKind.PlusToken:
      if (isString(left) || isString(right)) return [];
  }
  const operator = operators.get(operatorToken.kind);
  if (operator !== undefined) return [swapped("arithmetic", operator)];
  return (comparisons.get(operatorToken.kind) ?? []).map(([mutator, text]) => swapped(mutator, text));
}

function isString(node: ts.Node): boolean {
  return ts.isStringLiteralLike(node) || ts.isTemplateExpression(node);
}

function prefix(node: ts.PrefixUnaryExpression): readonly Change[] {
  if (node.operator === ts.SyntaxKind.ExclamationToken)
    return [{ mutator: "condition", node, replacement: node.operand.getText() }];
  if (node.operator === ts.SyntaxKind.MinusToken)
    return [{ mutator: "arithmetic", node, replacement: node.operand.getText() }];
  return [];
}

/** A statement that only has an effect: a call, an assignment, a deletion. */
function removedStatement(node: ts.Node, expression: ts.Expression): readonly Change[] {
  if (ts.isStringLiteral(expression)) return [];
  return [{ mutator: "statement", node, replacement: ";" }];
}

function calls(node: ts.CallExpression): readonly Change[] {
  if (!ts.isPropertyAccessExpression(node.expression)) return [];
  const { name, expression: receiver } = node.expression;
  if (choosing.has(name.text)) return [{ mutator: "call", node, replacement: receiver.getText() }];
  const swapped = swappedCalls.get(name.text);
  return swapped === undefined ? [] : [{ mutator: "call", node: name, replacement: swapped }];
}

/** An element that is made, not named: a rule, a check, a command. Literals are constants, names are parameters. */
function elements(node: ts.ArrayLiteralExpression): readonly Change[] {
  return node.elements
    .filter((element) => !ts.isLiteralExpression(element) && !ts.isSpreadElement(element))
    .map((element) => ({ mutator: "element", node: element, replacement: "", takesComma: true }));
}

/**
 * A number, a boolean or a string without a blank that the source gives a name or a place: what a constant, a
 * property or a parameter is set to, an element, a result. Not an argument, not a key, not an operand, not a text.
 */
function constant(node: ts.Node): readonly Change[] {
  const replacement = otherConstant(node);
  if (replacement === undefined || !hasName(node)) return [];
  return [{ mutator: "constant", node, replacement }];
}

function otherConstant(node: ts.Node): string | undefined {
  // A limit that is a little longer is no other contract.
  if (ts.isNumericLiteral(node)) return Number(node.text) < 100 ? `(${node.text} + 1)` : `(${node.text} * 2)`;
  if (node.kind === ts.SyntaxKind.TrueKeyword) return "false";
  if (node.kind === ts.SyntaxKind.FalseKeyword) return "true";
  if (ts.isStringLiteral(node) && /^\S+$/.test(node.text)) return '""';
  return undefined;
}

function hasName(literal: ts.Node): boolean {
  let node = literal;
  while (ts.isAsExpression(node.parent) || ts.isSatisfiesExpression(node.parent)) node = node.parent;
  const { parent } = node;
  if (namesPartOfMachine(node)) return false;
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node;
  if (ts.isVariableDeclaration(parent) || ts.isParameter(parent)) return parent.initializer === node;
  if (ts.isConditionalExpression(parent)) return parent.condition !== node && hasName(parent);
  if (ts.isParenthesizedExpression(parent)) return hasName(parent);
  if (ts.isArrowFunction(parent)) return parent.body === node;
  return ts.isArrayLiteralExpression(parent) || ts.isReturnStatement(parent);
}

function place(source: ts.SourceFile, change: Change): Mutant {
  const text = source.text;
  const start = change.node.getStart(source);
  let end = change.node.getEnd();
  if (change.takesComma) end += /^\s*,/.exec(text.slice(end))?.[0].length ?? 0;
  const lineStart = text.lastIndexOf("\n", start - 1) + 1;
  const lineEnd = text.indexOf("\n", end) === -1 ? text.length : text.indexOf("\n", end);
  const oneLine = (lines: string): string => lines.replace(/\s+/g, " ").trim();
  return {
    file: source.fileName,
    line: source.getLineAndCharacterOfPosition(start).line + 1,
    mutator: change.mutator,
    start,
    end,
    replacement: change.replacement,
    addition: change.addition ?? "",
    before: oneLine(text.slice(lineStart, lineEnd)),
    after: oneLine(text.slice(lineStart, start) + change.replacement + text.slice(end, lineEnd)),
  };
}

function withoutParentheses(node: ts.Expression): ts.Expression {
  return ts.isParenthesizedExpression(node) ? withoutParentheses(node.expression) : node;
}

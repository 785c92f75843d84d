import { relative } from "node:path";
import ts from "typescript";
import type { AnyStateMachine } from "xstate";

/** One place of the product that sends, as the type checker reads it. */
interface Send {
  readonly file: string;
  /** Types of the events; a union from elsewhere counts with those of its members that the product makes. */
  readonly events: readonly string[];
  /** All events that the recipient's type takes; undefined where it has none (a child by its id, a callback's parent). */
  readonly takes: readonly string[] | undefined;
}

interface Reading {
  readonly sends: readonly Send[];
  /** What each machine's type says it takes, by the machine's id. */
  readonly declared: ReadonlyMap<string, readonly string[]>;
  /** What callback actors receive. */
  readonly received: ReadonlySet<string>;
  /** Sends that cannot be read: the functions of XState handed on, or an event whose type is any string. */
  readonly unread: readonly string[];
}

const senders: ReadonlySet<string> = new Set([
  "sendTo",
  "sendParent",
  "forwardTo",
  "raise",
  "sendBack",
  "send",
]);

/** What does not fit in the events between machines; each a sentence. */
export interface EventFlow {
  /** Events that a machine takes and nobody sends. */
  readonly unsent: readonly string[];
  /** Events that are sent and nobody takes. */
  readonly untaken: readonly string[];
  readonly unread: readonly string[];
}

/**
 * Compares what is sent in `files` with what the machines take in some state. It reads sends, recipients and events by
 * TypeScript's checker, so a send that it cannot read is a finding, too.
 */
export function eventFlow(files: readonly string[], machines: readonly AnyStateMachine[]): EventFlow {
  const { sends, declared, received, unread } = readSends(files);
  const taken = new Map(machines.map((machine) => [machine.id, takenBy(machine, declared.get(machine.id))]));
  const mayBe = ({ takes }: Send, id: string) => {
    const all = declared.get(id) ?? [];
    return takes === undefined || takes.every((event) => all.includes(event));
  };
  const unsent = [...taken].flatMap(([id, events]) =>
    [...events]
      .filter((event) => !sends.some((send) => send.events.includes(event) && mayBe(send, id)))
      .map((event) => `${id} takes ${event}, which nobody sends`),
  );
  const untaken = sends.flatMap((send) =>
    send.events
      .filter(
        (event) =>
          !received.has(event) && ![...taken].some(([id, events]) => events.has(event) && mayBe(send, id)),
      )
      .map((event) => `${send.file} sends ${event}, which nobody takes`),
  );
  return { unsent: unique(unsent), untaken: unique(untaken), unread };
}

/** Of the machine's own events those that some state handles; `pod.*` stands for all of them that begin so. */
function takenBy(machine: AnyStateMachine, declared: readonly string[] = []): ReadonlySet<string> {
  const named = machine.events.filter((event) => !event.startsWith("xstate.") && event !== "*");
  return new Set(
    named.flatMap((event) =>
      event.endsWith(".*") ? declared.filter((one) => one.startsWith(event.slice(0, -1))) : [event],
    ),
  );
}

function readSends(files: readonly string[]): Reading {
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile("tsconfig.json", ts.sys.readFile).config,
    ts.sys,
    process.cwd(),
  );
  const program = ts.createProgram([...files], options);
  const checker = program.getTypeChecker();
  const sources = files.map((file) => program.getSourceFile(file)).filter((source) => source !== undefined);
  const made = new Set(sources.flatMap((source) => nodesOf(source).flatMap(madeEvent)));
  const sends: Send[] = [];
  const unread: string[] = [];
  const declared = new Map<string, readonly string[]>();
  const received = new Set<string>();

  for (const source of sources)
    for (const node of nodesOf(source)) {
      if (ts.isVariableDeclaration(node)) declare(node);
      else if (ts.isCallExpression(node)) receive(node);
      if (!ts.isIdentifier(node) || !senders.has(node.text) || !isOfXState(node)) continue;
      const call = callOf(node);
      if (call === undefined) unread.push(`${place(node)} hands on ${node.text}`);
      else send(node, call);
    }
  return { sends, declared, received, unread };

  function fileOf(node: ts.Node): string {
    return relative(process.cwd(), node.getSourceFile().fileName);
  }

  function place(node: ts.Node): string {
    const { line } = node.getSourceFile().getLineAndCharacterOfPosition(node.getStart());
    return `${fileOf(node)}:${line + 1}`;
  }

  function send(name: ts.Identifier, call: ts.CallExpression): void {
    const [first, second] = call.arguments;
    const targeted = name.text === "sendTo" || name.text === "forwardTo" || second !== undefined;
    const event = targeted ? second : first;
    const events = eventsOf(event);
    if (event !== undefined && isPassedOn(event, call)) return;
    if (events.length === 0) unread.push(`${place(name)} sends what cannot be read`);
    const target = targeted ? first : receiverOf(name);
    sends.push({ file: fileOf(name), events, takes: target && takenByRef(target) });
  }

  /** In `{ send: (to, event) => enqueue.sendTo(to, event) }`: calls of this `send` are read instead. */
  function isPassedOn(event: ts.Expression, { parent }: ts.CallExpression): boolean {
    return (
      (checker.getTypeAtLocation(event).flags & ts.TypeFlags.TypeParameter) !== 0 &&
      ts.isArrowFunction(parent) &&
      ts.isPropertyAssignment(parent.parent) &&
      parent.parent.name.getText() === "send"
    );
  }

  /** The types of an event, or of what a function gives. */
  function eventsOf(node: ts.Expression | undefined): readonly string[] {
    if (node === undefined) return [];
    const [inner, ...others] = choicesOf(node);
    if (inner === undefined) return [];
    if (others.length > 0) return choicesOf(node).flatMap(eventsOf);
    if (ts.isObjectLiteralExpression(inner)) {
      const own = madeEvent(inner);
      return own.length > 0 ? own : typesOf(checker.getTypeAtLocation(inner));
    }
    if (ts.isArrowFunction(inner) && !ts.isBlock(inner.body)) return eventsOf(inner.body);
    const type = checker.getTypeAtLocation(inner);
    const [signature] = type.getCallSignatures();
    return typesOf(signature === undefined ? type : signature.getReturnType());
  }

  function typesOf(type: ts.Type): readonly string[] {
    return literals(type).filter((event) => made.has(event));
  }

  /** The values of the type's `type`; none where it is not made of literals. */
  function literals(type: ts.Type): readonly string[] {
    const members = type.isUnion() ? type.types : [type];
    return members.flatMap((member) => {
      const property = member.getProperty("type");
      const value = property === undefined ? undefined : checker.getTypeOfSymbol(property);
      const values = value?.isUnion() ? value.types : value === undefined ? [] : [value];
      return values.flatMap((one) => (one.isStringLiteral() ? [one.value] : []));
    });
  }

  /** What a reference takes: undefined for an id. */
  function takenByRef(target: ts.Expression): readonly string[] | undefined {
    const type = checker.getTypeAtLocation(target);
    const [signature] = type.getCallSignatures();
    const ref = checker.getNonNullableType(signature === undefined ? type : signature.getReturnType());
    const method = ref.getProperty("send");
    const event = method && firstParameter(checker.getTypeOfSymbol(method));
    return event && literals(event);
  }

  function isOfXState(name: ts.Identifier): boolean {
    const { parent } = name;
    if (ts.isImportSpecifier(parent) || ts.isTypeNode(parent) || ts.isTypeElement(parent)) return false;
    const symbol = ts.isBindingElement(parent) ? undefined : checker.getSymbolAtLocation(name);
    const original =
      symbol !== undefined && symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    return (original?.declarations ?? []).some((declaration) => {
      if (declaration.getSourceFile().fileName.includes("/node_modules/xstate/")) return true;
      if (
        ts.isMethodSignature(declaration) &&
        declaration.parameters[0]?.type?.getText().startsWith("Recipient<")
      )
        return true;
      // `({ sendBack })`
      if (!ts.isBindingElement(declaration)) return false;
      const property = checker.getTypeAtLocation(declaration.parent).getProperty(name.text);
      return (property?.declarations ?? []).some((one) =>
        one.getSourceFile().fileName.includes("/node_modules/xstate/"),
      );
    });
  }

  function declare({ name, initializer }: ts.VariableDeclaration): void {
    if (initializer === undefined) return;
    const type = checker.getTypeAtLocation(name);
    if (type.getSymbol()?.name !== "StateMachine") return;
    const [, event] = checker.getTypeArguments(type as ts.TypeReference);
    const config = ts.isCallExpression(initializer) ? initializer.arguments[0] : undefined;
    if (config === undefined || !ts.isObjectLiteralExpression(config)) return;
    const id = config.properties.flatMap((property) =>
      ts.isPropertyAssignment(property) &&
      property.name.getText() === "id" &&
      ts.isStringLiteral(property.initializer)
        ? [property.initializer.text]
        : [],
    )[0];
    if (event !== undefined && id !== undefined) declared.set(id, literals(event));
  }

  /** `receive((event) => ...)` of a callback actor. */
  function receive({ expression }: ts.CallExpression): void {
    if (!ts.isIdentifier(expression) || expression.text !== "receive") return;
    const listener = firstParameter(checker.getTypeAtLocation(expression));
    const event = listener && firstParameter(listener);
    if (event !== undefined) for (const one of literals(event)) received.add(one);
  }

  function firstParameter(type: ts.Type): ts.Type | undefined {
    const [parameter] = type.getCallSignatures()[0]?.getParameters() ?? [];
    return parameter && checker.getTypeOfSymbol(parameter);
  }
}

/** Without parentheses, `as` and `satisfies`. */
function bare(node: ts.Expression): ts.Expression {
  if (ts.isParenthesizedExpression(node) || ts.isAsExpression(node) || ts.isSatisfiesExpression(node))
    return bare(node.expression);
  return node;
}

/** The call of which a name is the function. */
function callOf(name: ts.Identifier): ts.CallExpression | undefined {
  const callee = ts.isPropertyAccessExpression(name.parent) ? name.parent : name;
  const { parent } = callee;
  return ts.isCallExpression(parent) && parent.expression === callee ? parent : undefined;
}

/** Of `ref.send(event)` the ref. */
function receiverOf(name: ts.Identifier): ts.Expression | undefined {
  return name.text === "send" && ts.isPropertyAccessExpression(name.parent)
    ? name.parent.expression
    : undefined;
}

/** The literals of `{ type: "x" }`, and of a variable `type` for `{ type }`. */
function madeEvent(node: ts.Node): readonly string[] {
  if (ts.isObjectLiteralExpression(node)) return node.properties.flatMap(madeEvent);
  const named = ts.isPropertyAssignment(node) || ts.isVariableDeclaration(node);
  if (!named || node.initializer === undefined || node.name.getText() !== "type") return [];
  return choicesOf(node.initializer).flatMap((one) => (ts.isStringLiteral(one) ? [one.text] : []));
}

/** What an expression may be, condition by condition. */
function choicesOf(node: ts.Expression): readonly ts.Expression[] {
  const inner = bare(node);
  return ts.isConditionalExpression(inner)
    ? [...choicesOf(inner.whenTrue), ...choicesOf(inner.whenFalse)]
    : [inner];
}

function nodesOf(root: ts.Node): readonly ts.Node[] {
  const nodes: ts.Node[] = [];
  const visit = (node: ts.Node) => {
    nodes.push(node);
    ts.forEachChild(node, visit);
  };
  visit(root);
  return nodes;
}

function unique(lines: readonly string[]): readonly string[] {
  return [...new Set(lines)].toSorted();
}

/** How much of a value is copied. */
export interface CopyBounds {
  /** Values in all, nested ones included. */
  readonly values: number;
  readonly depth: number;
  /** Characters of one text. */
  readonly text: number;
  /** Elements of one array. */
  readonly elements: number;
}

/**
 * A copy that JSON can hold, of bounded size whatever the value is: what is too deep, too long or too much is told, not
 * shown. Actor refs become "→ name", functions and other things that are no data their kind. Reads getters; does not
 * throw unless they do. `redact` sees each text that is cut before it is cut, or half a key would pass unnoticed.
 */
export function boundedCopy(value: unknown, bounds: CopyBounds, redact: (text: string) => string): unknown {
  let left = bounds.values;

  function copy(inner: unknown, depth: number): unknown {
    left -= 1;
    if (typeof inner === "string") return shortened(inner);
    if (inner === null || typeof inner === "number" || typeof inner === "boolean") return inner;
    if (inner === undefined) return undefined;
    return typeof inner === "object" ? object(plainOf(inner), depth) : `[${typeof inner}]`;
  }

  function object(plain: object | string, depth: number): unknown {
    if (typeof plain === "string") return shortened(plain);
    if (depth >= bounds.depth) return Array.isArray(plain) ? `[${plain.length} elements]` : "{…}";
    return Array.isArray(plain) ? elements(plain, depth) : fields(plain, depth);
  }

  function elements(list: readonly unknown[], depth: number): unknown[] {
    const copied: unknown[] = [];
    for (const element of list) {
      if (copied.length >= bounds.elements || left <= 0) break;
      copied.push(copy(element, depth + 1) ?? null);
    }
    if (copied.length < list.length) copied.push(`… ${list.length - copied.length} more`);
    return copied;
  }

  function fields(object: object, depth: number): Record<string, unknown> {
    const copied: Record<string, unknown> = {};
    const all = Object.entries(object);
    let shown = 0;
    for (const [name, field] of all) {
      if (left <= 0) break;
      copied[shortened(name)] = copy(field, depth + 1);
      shown += 1;
    }
    if (shown < all.length) copied["…"] = `${all.length - shown} more`;
    return copied;
  }

  function shortened(text: string): string {
    if (text.length <= bounds.text) return text;
    return `${redact(text.slice(0, bounds.text * 4)).slice(0, bounds.text)}… (${text.length} characters)`;
  }

  return copy(value, 0);
}

/** Things that are more than data, as data. */
function plainOf(value: object): object | string {
  if ("sessionId" in value && "send" in value) return `→ ${"id" in value ? value.id : value.sessionId}`;
  if ("toJSON" in value && typeof value.toJSON === "function") {
    const json: unknown = value.toJSON();
    return typeof json === "object" && json !== null ? json : String(json);
  }
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (value instanceof Map || value instanceof Set) return `[${value.constructor.name} of ${value.size}]`;
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  return value;
}

import { element } from "../dom/dom.ts";

/** Levels that are open at first. */
const openLevels = 2;

/**
 * A value of JSON as nested, foldable lines. `folded` remembers by path what the person opened or closed, so that a newer
 * value looks the same way.
 */
export function jsonView(value: unknown, folded: Map<string, boolean>): HTMLElement {
  return element("div", { class: "json mono" }, ...lines(value, "", folded, 0));
}

function lines(value: unknown, path: string, folded: Map<string, boolean>, level: number): HTMLElement[] {
  const fields = typeof value === "object" && value !== null ? Object.entries(value) : [];
  if (fields.length === 0) return [element("div", { class: "leaf" }, valueText(value))];
  return fields.map(([name, inner]) => {
    const nested = typeof inner === "object" && inner !== null && Object.keys(inner).length > 0;
    return nested
      ? branch({ name, inner, path: `${path}.${name}` }, folded, level)
      : element("div", { class: "leaf" }, element("span", { class: "key" }, name), ": ", valueText(inner));
  });
}

function branch(
  { name, inner, path }: { readonly name: string; readonly inner: object; readonly path: string },
  folded: Map<string, boolean>,
  level: number,
): HTMLElement {
  const count = Object.keys(inner).length;
  const size = Array.isArray(inner) ? `[${count}]` : `{${count}}`;
  const open = folded.get(path) ?? (level < openLevels && count <= 24);
  const body = element("div", { class: "inner" });
  const details = element(
    "details",
    { open },
    element(
      "summary",
      {},
      element("span", { class: "key" }, name),
      element("span", { class: "size" }, ` ${size}`),
    ),
    body,
  );
  // What is closed costs nothing until it is opened.
  const fill = () => {
    if (details.open && body.childElementCount === 0) body.append(...lines(inner, path, folded, level + 1));
  };
  details.addEventListener("toggle", () => {
    folded.set(path, details.open);
    fill();
  });
  fill();
  return details;
}

function valueText(value: unknown): HTMLElement {
  const kind = value === null ? "null" : typeof value;
  const hidden = typeof value === "string" && value.includes("[redacted]");
  const reference = typeof value === "string" && value.startsWith("→ ");
  const text = typeof value === "string" && !reference ? JSON.stringify(value) : textOf(value);
  return element(
    "span",
    { class: `value ${hidden ? "hidden-value" : reference ? "reference" : kind}` },
    text,
  );
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return "[]";
  return typeof value === "object" && value !== null ? "{}" : String(value);
}

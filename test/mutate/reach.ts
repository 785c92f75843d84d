import ts from "typescript";

/** A function of a source file, and what names it in `mutantReached`. The whole file is place 0. */
export type Place = { readonly name: string; readonly start: number; readonly end: number };

/** The text with a call at the begin of each function, which tells that a test reached it. */
export function instrumented(
  file: string,
  text: string,
): { readonly text: string; readonly places: readonly Place[] } {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const places: Place[] = [{ name: `${file}:0`, start: 0, end: text.length }];
  const insertions: { readonly at: number; readonly text: string }[] = [{ at: 0, text: tell(file, 0, ";") }];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && "body" in node && node.body !== undefined) {
      const body = node.body as ts.Node;
      const [start, end, place] = [body.getStart(source), body.getEnd(), places.length];
      places.push({ name: `${file}:${place}`, start, end });
      if (ts.isBlock(body)) insertions.push({ at: start + 1, text: tell(file, place, ";") });
      else insertions.push({ at: start, text: `(${tell(file, place, ",")}` }, { at: end, text: ")" });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  let result = text;
  // From the end, so that offsets stay.
  for (const insertion of insertions.toSorted((a, b) => b.at - a.at))
    result = result.slice(0, insertion.at) + insertion.text + result.slice(insertion.at);
  return { text: result, places };
}

/** The innermost function around an offset; the file itself at its top level. */
export function placeOf(places: readonly Place[], start: number, end: number): string {
  const around = places.filter((place) => place.start <= start && end <= place.end);
  return around.reduce((inner, place) => (place.end - place.start < inner.end - inner.start ? place : inner))
    .name;
}

function tell(file: string, place: number, separator: string): string {
  return `globalThis.mutantReached(${JSON.stringify(`${file}:${place}`)})${separator}`;
}

/**
 * What changes how a terminal shows the text around it: C0 without tab and line feed, DEL, C1 (ECMA-48), the marks that turn the
 * direction of writing (UAX #9, table 4) and the two separators at which some programs end a line.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not get through
const invisible = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** A foreign text as it may go to a terminal or a log: control characters are written out, "\u001b". JSON still means the same. */
export function visible(text: string): string {
  return text.replace(invisible, writtenOut);
}

/** The same for what must not end the line it stands in: a name, a label. */
export function visibleLine(text: string): string {
  return visible(text).replace(/[\t\n]/g, writtenOut);
}

/** As JSON writes it. */
function writtenOut(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

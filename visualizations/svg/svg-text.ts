/** Text for XML: element content and quoted attributes. */
export function escapeXml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** A path through the points with rounded corners. */
export function roundedPath(
  points: readonly { readonly x: number; readonly y: number }[],
  radius = 6,
): string {
  const parts = points.map((point, index) => {
    const before = points[index - 1];
    const after = points[index + 1];
    if (before === undefined) return `M${point.x} ${point.y}`;
    if (after === undefined) return `L${point.x} ${point.y}`;
    const near = toward(point, before, radius);
    const far = toward(point, after, radius);
    return `L${near.x} ${near.y}Q${point.x} ${point.y} ${far.x} ${far.y}`;
  });
  return parts.join("");
}

/** The point `most` pixels from `from` on the way to `to`, at most half of the way. */
function toward(
  from: { readonly x: number; readonly y: number },
  to: { readonly x: number; readonly y: number },
  most: number,
): { readonly x: number; readonly y: number } {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  const part = length === 0 ? 0 : Math.min(most, length / 2) / length;
  return { x: tenth(from.x + (to.x - from.x) * part), y: tenth(from.y + (to.y - from.y) * part) };
}

function tenth(value: number): number {
  return Math.round(value * 10) / 10;
}

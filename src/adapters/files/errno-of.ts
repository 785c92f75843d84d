/** errno name of what Node threw ("ENOENT"). */
export function errnoOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}

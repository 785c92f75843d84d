/**
 * Waits until `condition` gives something other than undefined or false, and gives that. Throws after `limitMs`, saying what was
 * awaited: far beyond what a slow machine takes, and below the minute after which the guard looks again by itself.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  what: string,
  limitMs = 30_000,
): Promise<Exclude<T, undefined | false>> {
  const end = performance.now() + limitMs;
  for (;;) {
    const answer = await condition();
    if (answer !== undefined && answer !== false) return answer as Exclude<T, undefined | false>;
    if (performance.now() > end) throw new Error(`not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

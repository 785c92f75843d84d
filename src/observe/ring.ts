/** The last `size` entries, oldest first. */
export interface Ring<Entry> {
  push(entry: Entry): void;
  entries(): readonly Entry[];
}

export function createRing<Entry>(size: number): Ring<Entry> {
  const kept: Entry[] = [];
  let next = 0;
  return {
    push(entry) {
      kept[next] = entry;
      next = (next + 1) % size;
    },
    entries: () => (kept.length < size ? kept.slice() : [...kept.slice(next), ...kept.slice(0, next)]),
  };
}

/** A list of equally high rows of which only the visible ones exist. */
export interface VirtualList {
  /** Draws the visible ones of `count` rows, or the last ones; every scroll draws again. */
  draw(count: number, toEnd?: boolean): void;
  reveal(index: number): void;
  scrollToEnd(): void;
  /** The row at the upper edge, with its hidden part as a fraction. */
  top(): number;
  scrollTo(row: number): void;
  atEnd(): boolean;
  rowsPerPage(): number;
}

/** Rows drawn beyond each edge, so that a quick scroll does not show white. */
const margin = 8;

/**
 * Makes a list in `box`, which scrolls. `makeRow` gives an empty row, `fillRow` shows entry `index` in it; rows are
 * used again and again.
 */
export function createVirtualList<Row extends HTMLElement>(
  box: HTMLElement,
  rowHeight: number,
  rows: { make(): Row; fill(row: Row, index: number): void },
): VirtualList {
  const sheet = document.createElement("div");
  sheet.className = "sheet";
  sheet.setAttribute("role", "presentation");
  box.append(sheet);
  const pool: Row[] = [];
  let count = 0;
  /** Kept, because asking after a write makes the browser lay the page out at once. */
  let height = box.clientHeight;

  function drawVisible(): void {
    const top = box.scrollTop;
    const first = Math.max(0, Math.floor(top / rowHeight) - margin);
    const last = Math.min(count, Math.ceil((top + height) / rowHeight) + margin);
    const wanted = Math.max(0, last - first);
    while (pool.length < wanted) {
      const row = rows.make();
      row.style.height = `${rowHeight}px`;
      pool.push(row);
      sheet.append(row);
    }
    for (const [offset, row] of pool.entries()) {
      row.hidden = offset >= wanted;
      if (row.hidden) continue;
      row.style.transform = `translateY(${(first + offset) * rowHeight}px)`;
      rows.fill(row, first + offset);
    }
  }

  box.addEventListener("scroll", drawVisible, { passive: true });
  new ResizeObserver(() => {
    height = box.clientHeight;
    drawVisible();
  }).observe(box);

  return {
    draw(total, toEnd = false) {
      if (count !== total) sheet.style.height = `${total * rowHeight}px`;
      count = total;
      if (toEnd) box.scrollTop = count * rowHeight;
      drawVisible();
    },
    reveal(index) {
      const top = index * rowHeight;
      if (top < box.scrollTop) box.scrollTop = top;
      else if (top + rowHeight > box.scrollTop + box.clientHeight)
        box.scrollTop = top + rowHeight - box.clientHeight;
    },
    scrollToEnd() {
      box.scrollTop = count * rowHeight;
      // Not with the next scroll event: until then the rows would be where nobody looks.
      drawVisible();
    },
    top: () => box.scrollTop / rowHeight,
    scrollTo(row) {
      box.scrollTop = row * rowHeight;
      drawVisible();
    },
    atEnd: () => box.scrollTop + box.clientHeight >= count * rowHeight - rowHeight,
    rowsPerPage: () => Math.max(1, Math.floor(box.clientHeight / rowHeight) - 1),
  };
}

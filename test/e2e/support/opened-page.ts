import type { Page } from "playwright-core";

/** What a person sees of the inspector's page before touching it. */
export interface OpenedPage {
  /** The parts' names, from the upper left to the lower right. */
  readonly titles: readonly string[];
  /** Whether all of the chart is in sight, in a size in which its smallest text can be read. */
  readonly chart: { readonly whole: boolean; readonly labelPixels: number };
  /** Lanes of the time line that are out of sight. */
  readonly hiddenLanes: readonly string[];
}

/** Runs in the page. */
const look = `(() => {
  const inside = (inner, outer) =>
    inner.left >= outer.left && inner.right <= outer.right && inner.top >= outer.top && inner.bottom <= outer.bottom;
  const find = (selector) => document.querySelector(selector);
  const svg = find("#chart svg").getBoundingClientRect();
  const lanes = find("#lanes").getBoundingClientRect();
  const label = parseFloat(getComputedStyle(find("#chart .label")).fontSize);
  return {
    titles: [...document.querySelectorAll("main h2")].filter((title) => title.checkVisibility()).map((title) => title.innerText),
    chart: {
      whole: inside(svg, find("#chart").getBoundingClientRect()),
      labelPixels: label * (svg.width / find("#chart svg").viewBox.baseVal.width),
    },
    hiddenLanes: [...document.querySelectorAll("#lanes span")]
      .filter((lane) => !inside(lane.getBoundingClientRect(), lanes))
      .map((lane) => lane.innerText),
  };
})()`;

/** Call it once a machine is shown. */
export const openedPage = (page: Page): Promise<OpenedPage> => page.evaluate<OpenedPage>(look);

/** What is to be seen on a screen of 1280 x 800, whatever the machines do. */
export const wantedOpening = {
  titles: ["Actor tree", "Statechart of headcni", "Time line of events"],
  chart: { whole: true },
  hiddenLanes: [],
};

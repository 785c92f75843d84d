/** Where everything of a chart is drawn: pixels from the picture's top left corner, all coordinates absolute. */
export interface ChartLayout {
  readonly machine: string;
  readonly width: number;
  readonly height: number;
  /** Parents before their children. */
  readonly boxes: readonly LaidBox[];
  readonly routes: readonly LaidRoute[];
}

export interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface LaidBox extends Area {
  /** Path of the state in its chart; of a marker, the path of the state it stands for (`start`: its parent). */
  readonly path: string;
  /** `start` is the dot that points at the initial state; `any` stands for the whole machine as the origin of an edge. */
  readonly kind: "atomic" | "compound" | "parallel" | "final" | "history" | "start" | "any";
  readonly title: string;
  /** Below the title: the state's limit, what it runs. */
  readonly lines: readonly string[];
  /** Nesting; 0 for the states that the machine's root holds. */
  readonly depth: number;
}

/** All transitions between the same two states are one line with several causes. */
export interface LaidRoute {
  /** Paths of the two states; `from` is the parent's path where the line comes from a start dot. */
  readonly from: string;
  readonly to: string;
  /** Indexes into the chart's `edges`; empty for the line from a start dot. */
  readonly edges: readonly number[];
  /** Corners of the line from its origin to its arrow head. */
  readonly points: readonly { readonly x: number; readonly y: number }[];
  /** What causes the transitions, a line of text each, and where that text stands. */
  readonly label?: Area & { readonly lines: readonly string[] };
}

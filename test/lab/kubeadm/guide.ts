/** One step of a guide: its heading without the number, the machine it names, and its commands in their order. */
export interface GuideStep {
  readonly title: string;
  /** `control` of "The API server, on `control`"; `others` of "on every other machine", `both` of "on both machines"; undefined where the heading names none. */
  readonly where: string | undefined;
  /** The text of each block that is marked as commands (`sh`). */
  readonly blocks: readonly string[];
}

const places = { "on every other machine": "others", "on both machines": "both" } as const;

/** The numbered steps of a guide in Markdown. */
export function guideSteps(markdown: string): readonly GuideStep[] {
  const [, ...sections] = markdown.split(/^## \d+\. /m);
  return sections.map((section) => {
    const [title = ""] = section.split("\n", 1);
    const where =
      Object.entries(places).find(([words]) => title.endsWith(words))?.[1] ?? /on `(\w+)`$/.exec(title)?.[1];
    const blocks = [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = ""]) => block);
    return { title, where, blocks };
  });
}

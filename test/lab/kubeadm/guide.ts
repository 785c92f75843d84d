/** One step of a guide: its heading without the number, the machine it names, and its commands in their order. */
export interface GuideStep {
  readonly title: string;
  /** `control` of "The API server, on `control`"; `others` of "on every other machine"; undefined where the heading names none. */
  readonly where: string | undefined;
  /** The text of each block that is marked as commands (`sh`). */
  readonly blocks: readonly string[];
}

/** The numbered steps of a guide in Markdown. */
export function guideSteps(markdown: string): readonly GuideStep[] {
  const [, ...sections] = markdown.split(/^## \d+\. /m);
  return sections.map((section) => {
    const [title = ""] = section.split("\n", 1);
    const where = title.endsWith("on every other machine") ? "others" : /on `(\w+)`$/.exec(title)?.[1];
    const blocks = [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = ""]) => block);
    return { title, where, blocks };
  });
}

import { expect, test } from "vitest";
import { guideSteps } from "./guide.ts";

const guide = `# A guide

\`\`\`sh
none of a step's
\`\`\`

## 1. First, on \`public\`

Words.

\`\`\`sh
a \\
  b
\`\`\`

\`\`\`
what it prints
\`\`\`

\`\`\`sh
c
\`\`\`

## 2. Then, on every other machine

## 3. See it

## 4. Packages, on both machines
`;

test("the steps of a guide, with where they happen and their commands alone", () => {
  expect(guideSteps(guide)).toEqual([
    { title: "First, on `public`", where: "public", blocks: ["a \\\n  b\n", "c\n"] },
    { title: "Then, on every other machine", where: "others", blocks: [] },
    { title: "See it", where: undefined, blocks: [] },
    { title: "Packages, on both machines", where: "both", blocks: [] },
  ]);
});

/** Colours by meaning, in light and in dark; the picture brings its own ground, so it is readable on any page. */
export const svgStyle = `
svg { --ground: #ffffff; --ink: #1b2330; --faint: #5b6778; --line: #8793a5; --box: #f4f7fb; --inner: #ffffff; --edge: #c3ccd8;
  --calm: #1a7f4b; --limit: #9a5b00; --end: #5b6778; --fault: #b3261e; --event: #1f5fae; }
@media (prefers-color-scheme: dark) {
  svg { --ground: #11161d; --ink: #e6ebf2; --faint: #9aa7b8; --line: #65738a; --box: #1a212b; --inner: #222b37; --edge: #3a4656;
    --calm: #5fcf97; --limit: #e6b35c; --end: #9aa7b8; --fault: #ff8f86; --event: #86b7f5; }
}
text { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: var(--ink); }
.ground { fill: var(--ground); }
.box { fill: var(--inner); stroke: var(--edge); stroke-width: 1.2; }
.group { fill: var(--box); stroke: var(--edge); stroke-width: 1.2; }
.group.deep { fill: var(--ground); }
.parallel { stroke-dasharray: 6 4; }
.calm { stroke: var(--calm); stroke-width: 2; }
.final { stroke: var(--end); stroke-width: 3; }
.any { fill: none; stroke: var(--line); stroke-dasharray: 3 3; }
.start { fill: var(--ink); }
.title { font-size: 13px; font-weight: 600; }
.line { font-size: 10.5px; fill: var(--faint); }
.line.limit { fill: var(--limit); }
.route { fill: none; stroke: var(--line); stroke-width: 1.2; }
.route.fault { stroke: var(--fault); }
.head { fill: var(--line); }
.head.fault { fill: var(--fault); }
.plate { fill: var(--ground); }
.plate.grouped { fill: var(--box); }
.cause { font-size: 10.5px; fill: var(--event); }
.cause.after { fill: var(--limit); }
.cause.failed { fill: var(--fault); }
.cause.done { fill: var(--calm); }
.cause.always { fill: var(--faint); }
`.trim();

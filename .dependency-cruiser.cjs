/** The rule of motion (machines/README.md): who may import whom. */
module.exports = {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    {
      name: "machines-are-pure",
      comment:
        "A statechart imports xstate and the domain, nothing else: it can be drawn, walked and pasted elsewhere.",
      severity: "error",
      from: { path: "^machines/" },
      to: { pathNot: "^(machines|src/domain|src/protocol)/|node_modules/xstate" },
    },
    {
      name: "domain-is-pure",
      severity: "error",
      from: { path: "^src/domain/" },
      to: { pathNot: "^src/(domain|protocol)/|node_modules/(ipaddr\\.js|@humanwhocodes/momoa)" },
    },
    {
      name: "judging-is-pure",
      comment: "What headcnictl makes of what it read: decisions, tested without a node.",
      severity: "error",
      from: { path: "^src/cli/(doctor/judge|connect-test/diagnose)/" },
      to: {
        pathNot: "^src/(domain|protocol|cli/(doctor/judge|connect-test/diagnose))/|node_modules/ipaddr\\.js",
      },
    },
    {
      name: "protocol-stands-alone",
      severity: "error",
      from: { path: "^src/protocol/" },
      to: { pathNot: "^src/protocol/|node_modules/zod" },
    },
    {
      name: "stub-is-small",
      comment: "cni/ is compiled for QuickJS: the wire contract without its zod schema, and nothing else.",
      severity: "error",
      from: { path: "^cni/", pathNot: "^cni/build" },
      to: { pathNot: "^(cni/|src/protocol/(?!request-schema))" },
    },
    {
      name: "ports-are-interfaces",
      severity: "error",
      from: { path: "^src/ports/" },
      to: { pathNot: "^src/(ports|domain|protocol)/" },
    },
    {
      name: "adapters-know-no-machines",
      severity: "error",
      from: { path: "^src/adapters/" },
      to: { path: "^(machines|src/actors|src/observe|src/programs|src/cli)|node_modules/xstate" },
    },
    {
      name: "wire-format-stands-alone",
      comment: "Netlink messages as a library: its README.md says what others would find in the package.",
      severity: "error",
      from: { path: "^src/adapters/netlink/wire-format/" },
      to: { pathNot: "^src/adapters/netlink/wire-format/|node_modules/ipaddr\\.js" },
    },
    {
      name: "actors-know-no-adapters",
      severity: "error",
      from: { path: "^src/actors/" },
      to: { path: "^src/(adapters|observe|programs|config/load)" },
    },
    {
      name: "only-the-root-wires",
      severity: "error",
      from: { path: "^(src|machines)/", pathNot: "^src/programs/" },
      to: { path: "^src/programs/" },
    },
    {
      name: "pictures-are-read-by-nobody",
      severity: "error",
      from: { pathNot: "^(visualizations|test)/" },
      to: { path: "^visualizations/" },
    },
    {
      name: "product-knows-no-tests",
      severity: "error",
      from: { path: "^(src|machines|cni)/" },
      to: { path: "^test/" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { extensions: [".ts", ".js", ".json"] },
  },
};

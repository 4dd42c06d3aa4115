import { eachLine, type TidyRule } from './tidy-rules.ts';

/** One word per thing: these belong to other systems. See the glossary at the top of ARCHITECTURE.md. */
const instead: Readonly<Record<string, string>> = {
  job: 'task',
  jobs: 'tasks',
  worker: 'runner',
  workers: 'runners',
  node: 'site',
  nodes: 'sites',
  region: 'site',
  regions: 'sites',
  cluster: 'sites',
  clusters: 'sites',
};

interface Allowance {
  readonly phrase: RegExp;
  readonly reason: string;
  /** Only in these files. */
  readonly path?: RegExp;
  /** Only in files that contain this. */
  readonly beside?: string;
}

const allowances: readonly Allowance[] = [
  { phrase: /\bnode:[\w/]+/g, reason: 'the built-in modules of Node.js' },
  { phrase: /\bNode(\.js)?(?!\.?\w)/g, reason: 'the runtime, by its proper name' },
  { phrase: /\bnode_modules\b|@types\/node\b|\bNODE_[A-Z_]+\b|\bNodeJS\b/g, reason: 'the runtime’s own names' },
  {
    phrase: /#!\/usr\/bin\/env node\b|\/bin\/node\b|\bruntimes\/node\b|['"`]node['"`]/g,
    reason: 'the runtime as a program',
  },
  { phrase: /\bnode(?= (--?[\w-]+|[\w./-]+\.[cm]?[jt]s\b))/g, reason: 'the runtime as a command' },
  { phrase: /\bworker_threads\b|\bworker threads?\b/gi, reason: 'threads of Node.js' },
  { phrase: /\bWorker\b|\bworkerData\b/g, beside: 'node:worker_threads', reason: 'names of node:worker_threads' },
  { phrase: /\bmax_\w*workers?\w*\b/g, reason: 'settings of Postgres' },
  { phrase: /\b(background|parallel|apply|replication|autovacuum) workers?\b/gi, reason: 'processes of Postgres' },
  {
    phrase: /clusters?/gi,
    path: /^(src\/postgres|migrations)\//,
    reason: 'in Postgres, a data directory and its server',
  },
  {
    phrase: /\b(Postgres(QL)?|database)(['’]s)? clusters?\b/gi,
    reason: 'in Postgres, a data directory and its server',
  },
  { phrase: /\b(inner|leaf|Merkle|tree)[ -]?nodes?\b/gi, reason: 'the word of hash trees' },
  { phrase: /\bgraphile[- ]worker\b/gi, reason: 'the name of a peer' },
  { phrase: /\bbrokers?( and| \+|\/) workers?\b/gi, reason: 'what the ledger replaces' },
  { phrase: /^.*\bNot used:.*$/g, reason: 'the glossary says which words are not ours' },
];

const isRead = (path: string): boolean => /^(src|bin|docs|examples|runtimes|migrations)\/|^[A-Z]+\.md$/.test(path);

export const wordsAreOurs: TidyRule = (files) =>
  eachLine(
    files.filter(({ path }) => isRead(path)),
    (line, { path, text }) => {
      const rest = allowances
        .filter((one) => (one.path?.test(path) ?? true) && (one.beside === undefined || text.includes(one.beside)))
        .reduce((left, { phrase }) => left.replaceAll(phrase, ' '), line);
      if (/\bqueue[ _-]?messages?\b/i.test(rest)) return '"queue message": say task';
      if (/\bconsumer[ _-]?groups?\b/i.test(rest)) return '"consumer group": say runners';
      const word = wordsOf(rest).find((one) => Object.hasOwn(instead, one));
      return word === undefined
        ? undefined
        : `"${word}" is not a word of the ledger; here it would be ${instead[word]}`;
    },
  );

/** The words of prose and of identifiers alike: `jobId`, `JOB_ID` and `job-id` all hold "job". */
function wordsOf(line: string): string[] {
  return (line.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+/g) ?? []).map((word) => word.toLowerCase());
}

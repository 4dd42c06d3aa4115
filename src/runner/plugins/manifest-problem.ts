import { z } from 'zod';
import { LedgerError } from '../../errors.ts';
import { closest } from '../../ledger/known-options.ts';
import { manifestSchema } from './manifest-schema.ts';

/** Something wrong with an installed plugin: where, and what to do. Never a value of its environment. */
export interface ManifestProblem {
  readonly file: string;
  /** Where in the manifest, `tasks["payouts.settle"].timeout`; empty for the whole of it. */
  readonly path: string;
  readonly expected: string;
  readonly found: string;
  readonly remedy: string;
}

type JsonSchema = z.core.JSONSchema.JSONSchema;

const shownMax = 60;

/** What Zod found, each place once. @param given the manifest as it was read */
export function problemsOf(issues: readonly z.core.$ZodIssue[], given: unknown, file: string): ManifestProblem[] {
  const problems = issues.flatMap((issue) => problemOf(issue, given, file));
  const places = problems.map(({ path }) => path);
  return problems.filter(({ path }, index) => places.indexOf(path) === index);
}

function problemOf(issue: z.core.$ZodIssue, given: unknown, file: string): ManifestProblem[] {
  const { path } = issue;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => unknownKey(file, [...path, key], keysAt(path)));
  }
  // The key itself is wrong: what Zod says of it is one level down.
  const message = issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message;
  // Words of Zod's own, where the schema has none.
  const expected = message.replace(/^([\w ]+: )?expected /i, '');
  const found = issue.code === 'invalid_key' ? shown(path.at(-1)) : foundAt(path, given);
  return [{ file, path: pathText(path), expected, found, remedy: found === 'nothing' ? 'Add it' : 'Correct it' }];
}

function unknownKey(file: string, path: readonly PropertyKey[], known: readonly string[]): ManifestProblem {
  const key = String(path.at(-1));
  const meant = closest(key, known);
  return {
    file,
    path: pathText(path),
    expected: `only keys that are known here: ${known.join(', ')}`,
    found: shown(key),
    remedy: meant === undefined ? 'Leave it out, or correct its name' : `Did you mean ${meant}`,
  };
}

/** What is there, but for the environment: a literal there may be a secret. */
function foundAt(path: readonly PropertyKey[], given: unknown): string {
  let value = given;
  for (const step of path) {
    value = typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[step] : undefined;
  }
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return Object.keys(value).length === 0 ? 'an empty object' : 'an object';
  return path[0] === 'env' ? `a ${typeof value}` : shown(value);
}

function shown(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > shownMax ? `${text.slice(0, shownMax)}…` : text;
}

/** The keys the schema knows at that place. */
function keysAt(path: readonly PropertyKey[]): string[] {
  let places: JsonSchema[] = [z.toJSONSchema(manifestSchema, { io: 'input', unrepresentable: 'any' })];
  for (const step of path) places = places.flatMap(variants).flatMap((place) => below(place, step));
  return [...new Set(places.flatMap(variants).flatMap(({ properties = {} }) => Object.keys(properties)))];
}

function variants(schema: JsonSchema): JsonSchema[] {
  return schema.anyOf === undefined ? [schema] : schema.anyOf.flatMap(variants);
}

function below({ properties, additionalProperties, items }: JsonSchema, step: PropertyKey): JsonSchema[] {
  const next = typeof step === 'number' ? items : (properties?.[String(step)] ?? additionalProperties);
  return typeof next === 'object' && !Array.isArray(next) ? [next] : [];
}

export function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((step, place) => {
      if (typeof step === 'number') return `[${step}]`;
      const key = String(step);
      if (!/^[A-Za-z_$][\w$]*$/.test(key)) return `[${JSON.stringify(key.slice(0, shownMax))}]`;
      return place === 0 ? key : `.${key}`;
    })
    .join('');
}

/** One line: `FILE: PATH: expected …; found …. REMEDY.` */
export function problemText({ file, path, expected, found, remedy }: ManifestProblem): string {
  return `${file}${path === '' ? '' : `: ${path}`}: expected ${expected}; found ${found}. ${remedy}.`;
}

export function pluginsInvalid(problems: readonly ManifestProblem[]): LedgerError {
  const [first] = problems;
  if (first === undefined) throw new Error('expected a problem');
  const more = problems.length - 1;
  return new LedgerError('TASKLEDGER_PLUGINS_INVALID', {
    expected: `plugins that can be run: in ${first.file}${first.path === '' ? '' : `, ${first.path}`} ${first.expected}`,
    found: first.found,
    remedy: `${first.remedy}${more === 0 ? '' : `; there ${more === 1 ? 'is 1 more problem' : `are ${more} more problems`}`}. \`taskledger plugins check\` lists all of them`,
    details: { problems },
  });
}

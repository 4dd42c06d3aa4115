import { createHash } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { repeatedKey } from '../../events/repeated-key.ts';
import { crossProblems } from './cross-problems.ts';
import { problemsOf, type ManifestProblem } from './manifest-problem.ts';
import { manifestSchema, type Manifest } from './manifest-schema.ts';

/** One version of a plugin, as its manifest says. */
export interface Plugin {
  readonly name: string;
  readonly version: string;
  /** SHA-256 of the manifest's text, in hex. The values of secrets are not in that text. */
  readonly digest: string;
  readonly file: string;
  /** Of the manifest: what its relative paths are relative to. */
  readonly directory: string;
  readonly manifest: Manifest;
}

/** Longest manifest, in bytes. */
const MAX_MANIFEST_BYTES = 1_048_576;

export type ReadManifest = { readonly plugin: Plugin } | { readonly problems: readonly ManifestProblem[] };

/** Reads one manifest: the plugin, or everything that is wrong with it. Never throws. */
export async function readManifest(file: string): Promise<ReadManifest> {
  const wrong = (expected: string, found: string, remedy: string) => ({
    problems: [{ file, path: '', expected, found, remedy }],
  });
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const code = String((error as NodeJS.ErrnoException).code);
    return wrong(
      'a manifest this user can read',
      `that reading it fails (${code})`,
      'Check that it is there, and its mode',
    );
  }
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_MANIFEST_BYTES) return wrong(`at most ${MAX_MANIFEST_BYTES} bytes`, String(bytes), 'Make it shorter');
  const given = parsed(text);
  if (given instanceof SyntaxError) {
    return wrong('JSON', `text that is not JSON${placeIn(text, given)}`, 'Check quotes, commas and brackets');
  }
  const repeated = repeatedKey(text);
  const read = manifestSchema.safeParse(given);
  const problems = [
    ...(repeated === undefined
      ? []
      : wrong('each key once', `${repeated} more than once`, 'Keep the one that is meant').problems),
    ...(read.success ? [] : problemsOf(read.error.issues, given, file)),
    ...crossProblems(given, file),
  ];
  if (!read.success || problems.length > 0) return { problems };
  const { plugin: name, version } = read.data;
  const digest = createHash('sha256').update(text).digest('hex');
  // Of a link, what it points at now: when it is moved to another version, this one goes on finding its own files.
  const directory = dirname(await realpath(file));
  return { plugin: { name, version, digest, file, directory, manifest: read.data } };
}

/** `payouts@2.3.0`. */
export function pluginText({ name, version }: Pick<Plugin, 'name' | 'version'>): string {
  return `${name}@${version}`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return error;
  }
}

/** The message of a SyntaxError quotes the text, which may hold a secret: only the place is taken from it. */
function placeIn(text: string, { message }: SyntaxError): string {
  const position = /at position (\d+)/.exec(message)?.[1];
  if (position === undefined) return '';
  const before = text.slice(0, Number(position)).split('\n');
  return ` in line ${before.length}, column ${(before.at(-1) ?? '').length + 1}`;
}

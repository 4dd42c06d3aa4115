import { inheritedEnvironment } from '../../config.ts';
import { neverPassed } from '../../ledger/isolation.ts';

/** What programs need to find their way around; everything else a handler has to ask for by name. */
const alwaysPassed = ['PATH', 'HOME', 'TZ', 'LANG', 'NODE_ENV'] as const;

/**
 * The environment of a child, but for its directory and its mark. Never the runner's: it holds the ledger's URL, and
 * whatever else somebody exported.
 */
export function childEnvironment(names: readonly string[] = []): NodeJS.ProcessEnv {
  return inheritedEnvironment([...alwaysPassed, ...names]);
}

/** The same for a plugin, whose manifest gives values. Those it may not set are refused where it is read; here none passes. */
export function pluginEnvironment(values: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const given = Object.entries(values).filter(([name]) => !neverPassed.includes(name));
  return { ...childEnvironment(), ...Object.fromEntries(given) };
}

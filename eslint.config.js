import js from '@eslint/js';
import path from 'node:path';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

/*
 * Formatting is Prettier's, directions are dependency-cruiser's, dead code is knip's. Every rule switched off or bent
 * has its reason beside it; so has every `eslint-disable` in the code (test/tidy.unit.test.ts looks).
 */

const typed = { languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: process.cwd() } } };

const noDefaultExport = {
  selector: 'ExportDefaultDeclaration',
  message: 'Export the thing under its name: names can be searched for, and survive a rename.',
};
const noExportAll = {
  selector: 'ExportAllDeclaration',
  message: 'Name what is exported: `export *` hides what is public and makes cycles.',
};
const onlyReExports = {
  selector: 'Program > :not(ExportNamedDeclaration[source])',
  message: 'src/index.ts holds the public names and nothing else: `export { name } from …`.',
};
const timeAndChanceComeIn = [
  "CallExpression[callee.object.name='Date'][callee.property.name='now']",
  "CallExpression[callee.object.name='Math'][callee.property.name='random']",
  "CallExpression[callee.object.name='performance'][callee.property.name='now']",
  "NewExpression[callee.name='Date'][arguments.length=0]",
].map((selector) => ({
  selector,
  message: 'Time and chance come in by parameter: take a Clock, or the value itself.',
}));
const environmentIsConfig = [
  "MemberExpression[object.name='process'][property.name='env']",
  "VariableDeclarator[init.name='process'] > ObjectPattern > Property[key.name='env']",
].map((selector) => ({
  selector,
  message:
    'src/config.ts alone reads the environment, so that docs/reference/config.md tells all of it: readConfig(name).',
}));
const noSleep = {
  selector: "NewExpression[callee.name='Promise'] CallExpression[callee.name='setTimeout']",
  message: 'Tests wait for signals, never sleep: a sleep is too short on a slow machine and too long on a fast one.',
};

const noProcessExit = {
  object: 'process',
  property: 'exit',
  message: 'Only the command line ends the process: throw, or set process.exitCode.',
};
const migratorLivesInMigrate = {
  name: 'kysely',
  importNames: ['Migrator'],
  message: 'src/postgres/migrate.ts is the only user of Migrator: newer Kysely moves it to another entry.',
};

const house = {
  rules: {
    'kebab-case': {
      meta: { type: 'suggestion', schema: [], messages: { name: 'File names are kebab-case: {{ found }}' } },
      create: (context) => ({
        Program(node) {
          const found = path.basename(context.filename);
          if (!/^\.?[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9-]+)*$/.test(found)) {
            context.report({ node, messageId: 'name', data: { found } });
          }
        },
      }),
    },
  },
};

const nodeGlobals = Object.fromEntries(
  [
    'AbortController',
    'AbortSignal',
    'Buffer',
    'URL',
    'clearInterval',
    'clearTimeout',
    'console',
    'fetch',
    'performance',
  ]
    .concat(['process', 'queueMicrotask', 'setImmediate', 'setInterval', 'setTimeout', 'structuredClone'])
    .concat(['TextDecoder', 'TextEncoder'])
    .map((name) => [name, 'readonly']),
);

export default defineConfig(
  globalIgnores(['**/node_modules/', 'dist/', 'coverage/', '.taskledger/', '**/results/']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },

  // Everything, plain JavaScript too.
  {
    files: ['**/*.{ts,js,mjs,cjs}'],
    extends: [js.configs.recommended],
    plugins: { house },
    rules: {
      'house/kebab-case': 'error',
      'no-restricted-properties': ['error', noProcessExit],
      eqeqeq: 'error',
      'prefer-const': 'error',
      'no-var': 'error',
      'object-shorthand': 'error',
    },
  },
  {
    files: ['**/*.{js,mjs,cjs}'],
    languageOptions: { globals: nodeGlobals },
    rules: { 'no-unused-vars': ['error', { argsIgnorePattern: '^_' }] },
  },
  { files: ['**/*.cjs'], languageOptions: { sourceType: 'commonjs' } },

  // TypeScript, with types.
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    ...typed,
    rules: {
      // Named, because they are the ones that must never go: a forgotten `.execute()` on a Kysely builder, a forgotten await.
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      // The compiler knows the names that exist.
      'no-undef': 'off',
      // Counts and positions belong in messages.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // `() => set.delete(x)` as a callback says what it does.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // `while (true)` is how a loop that ends by return is written.
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      // A method may be async because its interface is, so that what it throws arrives as a rejection.
      '@typescript-eslint/require-await': 'off',
    },
  },

  {
    files: ['src/**/*.ts'],
    rules: {
      'no-console': 'error',
      'max-depth': ['error', 4],
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      '@typescript-eslint/max-params': ['error', { max: 4 }],
      'no-restricted-imports': ['error', migratorLivesInMigrate],
      'no-restricted-syntax': ['error', noDefaultExport, noExportAll, ...timeAndChanceComeIn, ...environmentIsConfig],
    },
  },
  // The one place where the real clock is read.
  { files: ['src/clock.ts'], rules: { 'no-restricted-syntax': ['error', noDefaultExport, noExportAll] } },
  // The one place where the environment is read.
  {
    files: ['src/config.ts'],
    rules: { 'no-restricted-syntax': ['error', noDefaultExport, noExportAll, ...timeAndChanceComeIn] },
  },
  // The one user of Migrator.
  { files: ['src/postgres/migrate.ts'], rules: { 'no-restricted-imports': 'off' } },
  {
    files: ['src/index.ts'],
    rules: { 'no-restricted-syntax': ['error', noDefaultExport, noExportAll, onlyReExports] },
  },
  // Printing and exiting are what the command line is for.
  { files: ['src/cli/**', 'bin/**', 'bench/**'], rules: { 'no-console': 'off', 'no-restricted-properties': 'off' } },

  {
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/max-params': ['error', { max: 4 }],
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      // A test that indexes what it has just made fails loudly enough when it is not there.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // Vitest types `expect.any(String)` and its like as any.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      // Tests look at what the types say cannot happen.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // `[...'abc']` is a short way to write three letters.
      '@typescript-eslint/no-misused-spread': 'off',
    },
  },
  { files: ['test/**/*.test.ts'], rules: { 'no-restricted-syntax': ['error', noSleep] } },
);

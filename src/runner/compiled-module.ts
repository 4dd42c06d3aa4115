/**
 * Where Node finds a module of this package that it loads itself, in a thread or a process. Run from its sources (by a
 * test), this package uses the compiled one: Node cannot load TypeScript there.
 * @param url of the `.ts` file, as `new URL('./name.ts', import.meta.url)`
 */
export function compiledModule(url: URL): URL {
  const isSource = import.meta.url.endsWith('.ts');
  const compiled = isSource ? url.href.replace(/\/src\/(runner\/[\w/-]+\.ts)$/, '/dist/$1') : url.href;
  return new URL(compiled.replace(/\.ts$/, '.js'));
}

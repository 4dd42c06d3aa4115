/** What runs the tasks of a plugin: Node, Python from 3.9 on, or any program. */
export type Runtime = 'node' | 'python' | 'exec';

/**
 * The program of one task of a plugin, made from its manifest, which has been checked. Not for users' `handle()`: their
 * handlers name a `module`.
 */
export interface PluginProgram {
  readonly runtime: Runtime;
  /**
   * The program and its first arguments, never a shell's line. Empty is this Node, or the `python3` found on the PATH; `exec`
   * names one, and may put places of the input into its arguments.
   */
  readonly command: readonly string[];
  /** Directories that a Python child looks into for modules before all others. */
  readonly path: readonly string[];
  /** `module.js#export` for Node, `package.module:function` for Python. */
  readonly function?: string;
  /** Variables with their values, on top of what every child sees. */
  readonly env: Readonly<Record<string, string>>;
  /** Of the plugin; absolute. What is relative in `command`, `path` and `function` begins there. */
  readonly directory: string;
  /** Of the manifest: a program of another digest is another program. */
  readonly digest: string;
}

import { stat } from 'node:fs/promises';
import { waitAtMost, type Clock } from '../../clock.ts';
import type { Handler } from '../../ledger/define-task.ts';
import { Repeated } from '../../repeated.ts';
import type { Signals } from '../../signals.ts';
import type { Offers } from '../offers.ts';
import { InstalledPlugins } from './installed-plugins.ts';
import { pluginsInvalid, problemText, type ManifestProblem } from './manifest-problem.ts';

interface RunnerPluginsOptions {
  readonly directories: readonly string[];
  readonly runner: string;
  /** What it offers to run: the plugins found are installed there. */
  readonly offers: Offers;
  readonly clock: Clock;
  readonly signals: Signals;
  /** Refuses what comes after the start and cannot be run here. @throws LedgerError */
  readonly admit: (handlers: readonly Handler[]) => Promise<void>;
  /** Other handlers are installed now. Resolves when nothing that the old ones were offered for is to come any more. */
  readonly onChange: () => Promise<void>;
}

/** How often to look for changes. Polling sees what moved links, mounts and network file systems change, and events do not. */
const lookEveryMs = 2000;
/** A database that does not answer keeps nobody from hearing of new plugins for longer. */
const latestMs = 2000;
/** Problems of one reading that are told one by one. */
const maxTold = 20;

/**
 * The plugins of a runner: read at its start, when any manifest or secret file changed, and when asked to. What is wrong at the
 * start keeps it from starting; later it is told loudly, and what worked goes on working.
 */
export class RunnerPlugins extends Repeated {
  readonly #options: RunnerPluginsOptions;
  readonly #installed: InstalledPlugins;
  #reading: Promise<unknown> = Promise.resolve();
  #seen = '';
  #opened = false;

  constructor(options: RunnerPluginsOptions) {
    super(options.clock);
    this.#options = options;
    const { directories, offers } = options;
    // At the start all handlers of the runner are asked for together.
    const admit = async (handlers: readonly Handler[]): Promise<void> => {
      if (this.#opened) await options.admit(handlers);
    };
    this.#installed = new InstalledPlugins(directories, { taken: offers.ownNames, admit });
  }

  /** Reads them for the first time. @throws LedgerError TASKLEDGER_PLUGINS_INVALID naming every problem */
  async open(): Promise<void> {
    const problems = await this.reload();
    if (problems.length > 0) throw pluginsInvalid(problems);
    this.#opened = true;
  }

  /** Reads them again, and says so. Answers what is wrong: in spite of it, all that is right is installed. */
  reload(): Promise<readonly ManifestProblem[]> {
    return this.#next({ tell: true });
  }

  #next(how: { readonly tell: boolean }): Promise<readonly ManifestProblem[]> {
    const reading = this.#reading.then(() => this.#read(how));
    this.#reading = reading.catch(() => undefined);
    return reading;
  }

  /** Reads them again if a file has changed. */
  async runOnce(): Promise<void> {
    if ((await this.#look()) !== this.#seen) await this.#next({ tell: false });
  }

  async #read({ tell }: { readonly tell: boolean }): Promise<readonly ManifestProblem[]> {
    const { offers, runner, clock, signals, onChange } = this.#options;
    const before = offers.problems.length;
    // Before the reading: what changes during it is read again.
    const seen = await this.#look();
    const { added, removed, problems } = await this.#installed.read();
    // A file that came with this reading was not looked at yet.
    this.#seen = added.length + removed.length > 0 ? '' : seen;
    const told = problems.map(problemText);
    for (const reason of told.slice(0, maxTold)) signals.emit('plugins.refused', { runner, reason });
    const isOther = added.length + removed.length + told.length + before > 0;
    if (isOther) {
      const handlers = this.#installed.plugins.flatMap((plugin) => plugin.handlers);
      offers.install(handlers, told.slice(0, maxTold));
      await waitAtMost(latestMs, onChange(), clock);
    }
    if (isOther || tell) signals.emit('plugins.installed', { runner, added, removed, problems: told.length });
    return problems;
  }

  async #look(): Promise<string> {
    const files = await this.#installed.files();
    const facts = await Promise.all(files.map(async (file) => `${file} ${await factsOf(file)}`));
    return facts.join('\n');
  }

  protected override async step(): Promise<number> {
    await this.runOnce();
    return lookEveryMs;
  }
}

/** What is different whenever the file is. */
async function factsOf(file: string): Promise<string> {
  return await stat(file, { bigint: true }).then(
    ({ dev, ino, size, mtimeNs, ctimeNs }) => [dev, ino, size, mtimeNs, ctimeNs].join(' '),
    (error: unknown) => String((error as NodeJS.ErrnoException).code),
  );
}

import { serve } from '../processes.js';

serve(async ({ built, url, runner: options }) => {
  const { defineTask, openLedger } = await import(built);
  let claimed = 0;
  let settled = 0;
  let done = () => {};
  // Nobody subscribes, as in production without debug logs; what the two totals need is all that is looked at.
  const signals = {
    active: false,
    subscribe: () => () => {},
    next: () => new Promise(() => {}),
    emit(name, data) {
      if (name === 'claim.granted') claimed += data.tasks;
      if (name === 'settle.recorded') settled += data.outcomes;
      // Nothing more to claim, and all completions are committed.
      if (name === 'claim.granted' && data.tasks === 0 && claimed === settled) done();
    },
  };
  const ledger = await openLedger({ connectionString: url, signals });
  const noop = defineTask({ name: 'bench.noop' });
  const runner = ledger.runner({ handlers: [noop.handle(() => undefined)], ...options });
  return {
    async run() {
      const empty = new Promise((resolve) => (done = resolve));
      await runner.start();
      await empty;
    },
    work: () => runner.start(),
    completed: () => settled,
    async close() {
      await runner.stop();
      await ledger.close();
    },
  };
});

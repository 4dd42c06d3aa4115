const sizes = [500, 1_000, 5_000].map((batch) => ({ label: `batch ${batch}`, batch }));

export const submit = (quick) => [
  {
    title: 'submit, batches',
    unit: 'tasks/s',
    tasks: quick ? 20_000 : 100_000,
    variants: () => sizes,
    run: (peer, n, { batch }) => peer.submitBatch(n, batch),
    goals: [{ id: 'P4', against: 'graphile-worker', ratio: 1.2 }],
  },
  {
    title: 'submit singly, each with a row of the app in one transaction, 16 connections',
    unit: 'tasks/s',
    tasks: quick ? 4_000 : 20_000,
    variants: () => [{ label: '16 connections' }],
    run: (peer, n) => peer.submitInTransaction(n),
    goals: [{ id: 'P4', against: 'bare-log', ratio: 0.9 }],
  },
];

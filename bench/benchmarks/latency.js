export const latency = (quick) => [
  {
    title: 'submit → start of the handler, idle',
    unit: 'ms',
    tasks: quick ? 50 : 300,
    variants: (peer) => (peer.latency === undefined ? undefined : [{ label: 'LISTEN' }]),
    run: async (peer, n) => ({ samples: await peer.latency(n) }),
    goals: [{ id: 'P5', against: 'graphile-worker', ratio: 0.7, figure: 'p50' }],
  },
];

// What the figures do not say, for the page.
export const notComparable =
  `- **History.** taskledger keeps every change of every task as an event for ever. graphile-worker deletes a task when it is done:
  nothing is left to ask. pg-boss keeps the row with its last state for seven days, without what led to it. So "disk when
  finished" compares a log with nothing, or with one row.
- **What happens beside it.** \`drain\` runs without a daemon: events are durable, not yet in blocks or projections. \`sustained\` is with
  it, until the last event is sealed, signed and projected; the peers have nothing of the kind, and are measured at their drain.
- **Leases.** taskledger writes an event for each lease and one for each outcome, with a fencing token that lets a late result be
  refused. The peers mark a row as taken; graphile-worker gives it back after four hours, pg-boss after fifteen minutes by default.
- **Batches.** graphile-worker runs with its local queue and batched completion (its performance page), and with a local queue larger
  than that page's; what it has fetched is locked by a process until that ends or four hours are over. pg-boss runs as loops of
  \`fetch\` and \`complete\` of up to 5 000: one failing handler would fail its batch. taskledger leases in batches too, and settles each by itself.
- **One at a time.** taskledger's best has a lease for each of 24 places and no more; outcomes that end within two milliseconds share a
  statement. The bare log has two transactions for each task here, so that sharing statements can be faster than it.
- **Maintenance** of pg-boss (supervision, schedules) is off, and autovacuum is on for everybody. \`held\` and \`soak\` submit with the calls of the others.
- **Latency** is measured where submitter and runner share a process of Node, on connections that are open; LISTEN is on for everybody.
  pg-boss has no SQL function to submit with.
- **The bare log** is the limit of this design on this machine, not of PostgreSQL: no queue, no claim, no handler; for each task the
  two rows that running one costs (one for submitting), without the rows by which an open task is found.
- **One machine.** Server, runners, submitters, and both sites of \`replication\` and of \`sustained\`, share its processors; network costs are those of loopback.`.split(
    '\n',
  );

import { isDecision, type TaskEvent } from './event.ts';
import { comparePositions, positionOfRef } from './position.ts';

/**
 * The events of one task, oldest first: decisions in the order of (epoch, version); requests and refused results where their
 * time puts them, but a request always before its answer, since the clocks of two sites differ.
 */
export function inToldOrder(events: readonly TaskEvent[]): TaskEvent[] {
  const decisions = events.filter(isDecision).sort((a, b) => a.epoch - b.epoch || a.version - b.version);
  let remarks = events.filter((event) => !isDecision(event)).sort(compareTimes);
  const told: TaskEvent[] = [];
  for (const decision of decisions) {
    const comesFirst = (remark: TaskEvent): boolean => compareTimes(remark, decision) < 0 || answers(decision, remark);
    told.push(...remarks.filter(comesFirst), decision);
    remarks = remarks.filter((remark) => !comesFirst(remark));
  }
  return [...told, ...remarks];
}

function compareTimes(a: TaskEvent, b: TaskEvent): number {
  if (a.occurred_at !== b.occurred_at) return a.occurred_at < b.occurred_at ? -1 : 1;
  return comparePositions(a, b);
}

function answers({ context }: TaskEvent, request: TaskEvent): boolean {
  return (context?.answers ?? []).some((ref) => comparePositions(positionOfRef(ref), request) === 0);
}

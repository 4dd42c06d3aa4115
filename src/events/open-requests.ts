import { comparePositions, positionOfRef, type Position, type PositionRef } from './position.ts';
import type { OpenRequest, TaskState } from './task-state.ts';

/** The part of a task's state that requests and answers move. */
export type RequestState = Pick<TaskState, 'open_requests' | 'answered_early'>;

/** A request arrived. It is open unless its answer came first. */
export function withRequest({ open_requests, answered_early }: RequestState, request: OpenRequest): RequestState {
  return includes(answered_early, request)
    ? { open_requests, answered_early: without(answered_early, request) }
    : { open_requests: withSorted(open_requests, request), answered_early };
}

/** A decision answered these requests. The ones not seen yet are remembered, so that requests commute (I5). */
export function withAnswers(state: RequestState, answers: readonly PositionRef[]): RequestState {
  let { open_requests, answered_early } = state;
  for (const answered of answers.map(positionOfRef)) {
    if (includes(open_requests, answered)) open_requests = without(open_requests, answered);
    else answered_early = withSorted(answered_early, answered);
  }
  return { open_requests, answered_early };
}

function includes(positions: readonly Position[], wanted: Position): boolean {
  return positions.some((position) => comparePositions(position, wanted) === 0);
}

function without<P extends Position>(positions: readonly P[], unwanted: Position): readonly P[] {
  return positions.filter((position) => comparePositions(position, unwanted) !== 0);
}

// Sorted, so that the order of arrival leaves no trace.
function withSorted<P extends Position>(positions: readonly P[], added: P): readonly P[] {
  return [...positions, added].sort(comparePositions);
}

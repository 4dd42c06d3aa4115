import type { TaskStateName } from '../../events/task-state.ts';

/** One part of the story, for the table at the end. */
export interface Chapter {
  readonly what: string;
  readonly tasks: number;
  readonly state: TaskStateName | 'no task';
  /** What is worth knowing about it, seen and not assumed. */
  readonly note: string;
  /** The task whose history tells it, if it was one. */
  readonly taskId?: string;
}

/** Says what is happening, while it happens. */
export type Narrator = (sentence: string) => void;

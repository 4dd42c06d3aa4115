import type { ChildLimits } from '../../../ledger/child-limits.ts';
import type { Layers } from './layers.ts';

/** How a runner holds its children to limits. */
export interface Limiting {
  /** What attempts in child processes are held to, whatever their handlers say. */
  readonly caps?: ChildLimits | undefined;
  /** What the machine offers, asked when it is needed. Default: found by trying. */
  readonly layers?: () => Promise<Layers>;
}

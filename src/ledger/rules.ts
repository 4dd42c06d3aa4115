import type { Queryable } from '../postgres/queryable.ts';
import { translateSqlError } from '../postgres/sql-error.ts';
import { durationMs, type Duration } from './duration.ts';
import { refuseUnknownOptions } from './known-options.ts';

/** What a rule is about: a queue by its name, or a task name, or a group (a tenant). */
export type RuleSubject = string | { readonly task: string } | { readonly group: string };

/** What is left out stays as it was; null takes it away. */
export interface RuleChange {
  /** Most tasks leased at once, at all runners together. */
  readonly concurrency?: number | null;
  /**
   * Most attempts begun: `count` per duration on average. `burst` is how many may begin at once after a pause, by default
   * what a second brings.
   */
  readonly rate?: { readonly count: number; readonly per: Duration; readonly burst?: number } | null;
  readonly paused?: boolean;
  /** Its share beside other queues, or a group's beside other groups of its queue: 1 to 1000, default 1. */
  readonly weight?: number | null;
  /**
   * Of a queue: how long the first due task of a lane waits for each priority it gains, a second to a week; 0 for none. Default a
   * minute.
   */
  readonly ageing?: Duration | null;
}

/** What is set for a queue, a task name or a group. */
export interface Rule {
  readonly kind: 'queue' | 'task' | 'group';
  readonly name: string;
  readonly concurrency: number | null;
  readonly rate: { readonly count: number; readonly perMs: number; readonly burst: number } | null;
  readonly paused: boolean;
  readonly weight: number;
  /** 0: waiting gains nothing. Null: a minute, as without a rule. */
  readonly ageingMs: number | null;
  /** Leases that take a place of its concurrency now; null without one. */
  readonly leased: number | null;
  readonly setAt: Date;
  readonly setBy: string;
}

/** Setting rules of the site this database is. */
export interface QueueRules {
  /** Every rule, in the order of kind and name. */
  list(): Promise<Rule[]>;
  /** @throws LedgerError TASKLEDGER_INVALID_OPTION */
  set(subject: RuleSubject, change: RuleChange): Promise<void>;
  /** Lets nothing more begin; what runs goes on. */
  pause(subject: RuleSubject): Promise<void>;
  resume(subject: RuleSubject): Promise<void>;
}

type RuleRow = Omit<Rule, 'rate'> & { readonly count: number | null; readonly perMs: number; readonly burst: number };

const changeOptions: ReadonlySet<string> = new Set<keyof RuleChange>([
  'concurrency',
  'rate',
  'paused',
  'weight',
  'ageing',
]);
const rateOptions: ReadonlySet<string> = new Set(['count', 'per', 'burst']);

export function queueRules(db: Queryable): QueueRules {
  const set = async (subject: RuleSubject, change: RuleChange): Promise<void> => {
    const [kind, name] = kindAndName(subject);
    await translated(
      db.query('select taskledger.set_rule($1, $2, $3::json)', [kind, name, JSON.stringify(settings(change))]),
    );
  };
  return {
    set,
    list: async () => (await translated(readRules(db))).map(ruleOf),
    pause: (subject) => set(subject, { paused: true }),
    resume: (subject) => set(subject, { paused: false }),
  };
}

async function readRules(db: Queryable): Promise<RuleRow[]> {
  const { rows } = await db.query(
    `select split_part(r.about, ':', 1) as kind, substr(r.about, strpos(r.about, ':') + 1) as name, r.concurrency,
            r.rate as count, r.rate_ms as "perMs", r.burst, r.paused, r.weight, r.ages_ms as "ageingMs", r.set_at as "setAt", r.set_by as "setBy",
            case when r.concurrency is not null then
              (select count(*)::int from taskledger.places p join taskledger.open_tasks t on t.task_id = p.task_id
                where p.about = r.about and t.state = 'leased') end as leased
       from taskledger.rules r order by r.about`,
    [],
  );
  return rows as RuleRow[];
}

function ruleOf({ count, perMs, burst, ...rest }: RuleRow): Rule {
  return { ...rest, rate: count === null ? null : { count, perMs, burst } };
}

function kindAndName(subject: RuleSubject): [kind: string, name: unknown] {
  if (typeof subject === 'string') return ['queue', subject];
  return 'task' in subject ? ['task', subject.task] : ['group', subject.group];
}

function settings(change: RuleChange): unknown {
  refuseUnknownOptions(change, changeOptions, 'a rule');
  const { rate, ageing, ...rest } = change;
  return {
    ...rest,
    ...(ageing === undefined ? {} : { ageing_ms: ageing === null ? null : durationMs(ageing, 'the time of ageing') }),
    ...(rate === undefined ? {} : { rate: rate === null ? null : rateSettings(rate) }),
  };
}

function rateSettings(rate: NonNullable<RuleChange['rate']>): unknown {
  refuseUnknownOptions(rate, rateOptions, 'a rate');
  const { count, per, burst } = rate;
  return { count, per_ms: durationMs(per, 'the duration of a rate'), burst };
}

async function translated<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw translateSqlError(error);
  }
}

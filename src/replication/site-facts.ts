import type { Queryable } from '../postgres/queryable.ts';
import type { Transport } from './peer.ts';

/** What a server and its database allow, as far as replication needs it. Everybody who can connect may know this. */
export interface ServerFacts {
  /** Such as 180001. */
  readonly version: number;
  readonly walLevel: string;
  readonly slots: number;
  readonly slotsUsed: number;
  readonly senders: number;
  readonly sendersUsed: number;
  readonly applyProcesses: number;
  readonly serverProcesses: number;
  /** Of all databases of the server. */
  readonly subscriptions: number;
  /** Megabytes; -1 for no limit. */
  readonly slotWalKeepMb: number;
  /** The server may write the parameters of this session's statements to its log. */
  readonly logsParameters: boolean;
}

/** What a ledger knows of itself; for an operator. */
export interface LedgerFacts {
  readonly hasKey: boolean;
  readonly peers: readonly KnownPeer[];
  readonly owner: string;
  readonly ownerIsSuperuser: boolean;
  readonly ownerMaySubscribe: boolean;
  readonly ownerMayCreate: boolean;
  /** Of each received stream, the last block that was proven here. */
  readonly proofs: readonly ProvenMark[];
}

interface KnownPeer {
  readonly site: string;
  readonly id: string;
  readonly transport: Transport;
}

interface ProvenMark {
  readonly site: string;
  readonly number: string;
  readonly hash: string;
}

/** What the user of a link may do at the other end. */
export interface UserFacts {
  readonly name: string;
  readonly isSuperuser: boolean;
  readonly mayReplicate: boolean;
  readonly isPeer: boolean;
}

export async function readServerFacts(db: Queryable): Promise<ServerFacts> {
  const { rows } = await db.query(
    `select current_setting('server_version_num')::int as version, current_setting('wal_level') as "walLevel",
            current_setting('max_replication_slots')::int as slots, (select count(*)::int from pg_replication_slots) as "slotsUsed",
            current_setting('max_wal_senders')::int as senders, (select count(*)::int from pg_stat_replication) as "sendersUsed",
            current_setting('max_logical_replication_workers')::int as "applyProcesses",
            current_setting('max_worker_processes')::int as "serverProcesses",
            (select count(*)::int from pg_subscription) as subscriptions,
            (select s.setting::int from pg_settings s where s.name = 'max_slot_wal_keep_size') as "slotWalKeepMb",
            current_setting('log_parameter_max_length_on_error') <> '0'
              or current_setting('log_parameter_max_length') <> '0'
                 and (current_setting('log_statement') = 'all' or current_setting('log_min_duration_statement') <> '-1'
                      or current_setting('log_min_duration_sample') <> '-1' or current_setting('log_transaction_sample_rate')::float8 > 0)
              as "logsParameters"`,
    [],
  );
  return rows[0] as ServerFacts;
}

export async function readLedgerFacts(db: Queryable): Promise<LedgerFacts> {
  const { rows } = await db.query(
    `select exists (select from taskledger.site_keys k where k.site = me.name) as "hasKey",
            (select coalesce(json_agg(json_build_object('site', p.site, 'id', p.id, 'transport', p.transport) order by p.site), '[]')
               from taskledger.peers p) as peers,
            o.rolname as owner, o.rolsuper as "ownerIsSuperuser", pg_has_role(o.oid, 'pg_create_subscription', 'usage') as "ownerMaySubscribe",
            has_database_privilege(o.oid, current_database(), 'create') as "ownerMayCreate",
            (select coalesce(json_agg(json_build_object('site', p.of_site, 'number', p.number::text, 'hash', encode(p.hash, 'hex'))), '[]')
               from taskledger.proofs p where p.by_site = me.name and p.of_site <> me.name) as proofs
       from taskledger.site me
       join pg_proc f on f.pronamespace = 'taskledger'::regnamespace and f.proname = 'subscribe'
       join pg_roles o on o.oid = f.proowner`,
    [],
  );
  return rows[0] as LedgerFacts;
}

/** Of the user of this name at the server of `db`; undefined when there is none. */
export async function readUserFacts(db: Queryable, name: string): Promise<UserFacts | undefined> {
  const { rows } = await db.query(
    `select r.rolname as name, r.rolsuper as "isSuperuser", r.rolreplication or r.rolsuper as "mayReplicate",
            exists (select from pg_roles p where p.rolname = 'taskledger_peer' and pg_has_role(r.oid, p.oid, 'usage')) as "isPeer"
       from pg_roles r where r.rolname = $1`,
    [name],
  );
  return rows[0] as UserFacts | undefined;
}

/** The hash of a block of a stream as `db` has it, hex; undefined when it has none of this number. */
export async function readBlockHash(db: Queryable, site: string, number: string): Promise<string | undefined> {
  const { rows } = await db.query(
    "select encode(b.hash, 'hex') as hash from taskledger.blocks b where b.site = $1 and b.number = $2",
    [site, number],
  );
  return (rows[0] as { hash: string } | undefined)?.hash;
}

import type { StoredBlock } from '../../events/blocks/stored-block.ts';
import { formatPosition } from '../../events/position.ts';
import type { PeerStatus } from '../../replication/peer-status.ts';
import type { ProofStatus, SiteStatus } from '../../replication/status.ts';

/** What `site status --json` prints; 64-bit numbers become strings. */
export function statusJson(status: SiteStatus): object {
  const { unsealed, oldestUnsealedAt, leader } = status.sealing;
  return {
    site: status.site,
    incarnation: status.incarnation,
    recovering: status.recovering,
    in_sync: status.inSync,
    head: status.head === undefined ? null : headJson(status.head),
    unsealed_events: unsealed,
    oldest_unsealed_at: timeJson(oldestUnsealedAt),
    sealer: leader === undefined ? null : { pid: leader.pid, host: leader.host ?? null, since: timeJson(leader.since) },
    projections: status.projections.map(({ projection, block, blocksBehind }) => ({
      projection,
      block,
      blocks_behind: blocksBehind,
    })),
    peers: status.peers.map(peerJson),
    proofs: status.proofs.map(proofJson),
    halted: status.halted,
    quarantined: status.quarantined,
    open_incidents: status.openIncidents,
    incidents: status.incidents.map((incident) => ({
      incident: formatPosition(incident),
      kind: incident.kind,
      summary: incident.summary,
      raised_at: timeJson(incident.raisedAt),
    })),
  };
}

function headJson({ header, hash, keyId }: StoredBlock): object {
  return { number: header.number, hash, sealed_at: new Date(Number(header.sealed_at_ms)).toISOString(), key_id: keyId };
}

function peerJson({ subscription, ...peer }: PeerStatus): object {
  return {
    site: peer.site,
    transport: peer.transport,
    connected: peer.connected,
    why: peer.why ?? null,
    seen_at: timeJson(peer.seenAt),
    behind_events: peer.behindEvents ?? null,
    behind_ms: peer.behindMs ?? null,
    proven_block: peer.provenBlock,
    proven_at: timeJson(peer.provenAt),
    slot:
      subscription === undefined
        ? null
        : { state: subscription.slot, active: subscription.active, retained_bytes: subscription.retainedBytes },
    subscription:
      subscription === undefined ? null : { state: subscription.subscription, apply_errors: subscription.applyErrors },
    gate_closed: peer.gateClosed,
  };
}

function proofJson(proof: ProofStatus): object {
  return {
    by_site: proof.bySite,
    of_site: proof.ofSite,
    block: proof.block,
    proved_at: timeJson(proof.provedAt),
    blocks_behind: proof.blocksBehind,
    behind_ms: proof.behindMs,
  };
}

function timeJson(at: Date | undefined): string | null {
  return at?.toISOString() ?? null;
}

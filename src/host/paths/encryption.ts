import type { EncryptionAnswer } from '../../admin/status-answer.js';
import { Encryption, type EncryptionParts } from '../../agent/encryption/encryption.js';
import { KeyChange, type KeyChangeParts } from '../../agent/encryption/key-change.js';
import { isUnanswered, STALE_MS } from '../../agent/encryption/peer-states.js';
import { listUnknownEncrypted } from '../../agent/encryption/unknown-tunnels.js';
import { encryptedVtep, type Slot } from '../../inet/encrypted-vtep.js';
import type { EncryptionFacts } from '../../trace/facts.js';
import type { Forwarding } from '../forwarding.js';
import type { Foundation } from '../foundation.js';

/** To be started. */
export function createEncryption(
  { config, hostId, dataplane, encryptionKeys: keys, encryptionDevice: device, logger }: Foundation,
  needs: Pick<EncryptionParts, 'hosts' | 'local' | 'repairs' | 'underlay'>,
): Encryption {
  const settings = { port: config.encryptPort, keepalive: config.encryptKeepalive };
  const listUnknown = () => listUnknownEncrypted({ dataplane, local: needs.local });
  return new Encryption({ ...needs, ...settings, listUnknown, hostId, keys, device, logger });
}

/** To be started. */
export function createKeyChange(
  { config: { encryptPort: port }, hostId, dataplane, encryptionKeys: keys, logger }: Foundation,
  {
    registration,
    encryption,
    local,
    refresh,
  }: Pick<Forwarding, 'registration' | 'encryption' | 'local'> & { readonly refresh: () => void },
): KeyChange {
  const isMoved = async (former: Slot) => {
    const left = (await dataplane.listTunnels(new Set())).filter(
      ({ networkId, vtep }) => vtep === encryptedVtep(hostId, former) && local.findRecord(networkId),
    );
    return left.length === 0;
  };
  const publish: KeyChangeParts['publish'] = (all) => registration.publishEncryption(all);
  return new KeyChange({ keys, port, apply: () => encryption.apply(), publish, isMoved, refresh, logger });
}

/** For people, by the ids of the hosts with which this one has agreed on keys, or tries to. */
export function encryptionAnswers({
  hosts,
  encryption: { states },
}: Pick<Forwarding, 'hosts' | 'encryption'>): ReadonlyMap<string, EncryptionAnswer> {
  const answers = hosts.list().flatMap(({ host: { id, encryption: [inUse] = [] } }) => {
    const state = inUse && states.get(inUse.publicKey);
    if (!state) return [];
    const handshake = state.handshake?.toISOString().replace(/\.\d+/, '');
    return [[id, handshake === undefined ? {} : { handshake }] as const];
  });
  return new Map(answers);
}

/** For `xnet status` of this host. */
export function findEncryptionProblems({
  hosts,
  encryption,
}: Pick<Forwarding, 'hosts' | 'encryption'>): string[] {
  const now = new Date();
  const unanswered = hosts.list().flatMap(({ host: { name, vtep, encryption: [inUse] = [] }, alive }) => {
    const state = inUse && encryption.states.get(inUse.publicKey);
    if (!inUse || !state || !alive || !isUnanswered(state, now)) return [];
    const since = state.handshake?.toISOString().replace(/\.\d+/, '') ?? 'it was set up';
    return [
      `encrypted networks do not reach host ${name} (${vtep}): packets are sent, and there was no handshake since ${since} (${STALE_MS / 60_000} minutes at most); let UDP port ${inUse.port} pass between the hosts, both ways`,
    ];
  });
  return [...encryption.problems, ...unanswered];
}

/** For `xnet trace`: of the keys in use, read now. Undefined: the host is still starting. */
export async function lookAtEncryption(
  host: Pick<Forwarding, 'hosts' | 'encryption'> | undefined,
  peerId: string,
): Promise<EncryptionFacts> {
  if (!host) return { problem: 'its xnet is still starting' };
  const { hosts, encryption } = host;
  await encryption.refresh();
  const [problem] = encryption.problems;
  const [device] = encryption.devices;
  const [inUse] = hosts.find(peerId)?.encryption ?? [];
  const state = inUse && encryption.states.get(inUse.publicKey);
  const now = Date.now();
  const secondsSince = (at: Date) => Math.max(0, Math.round((now - at.getTime()) / 1000));
  return {
    ...(problem !== undefined && { problem }),
    ...(device !== undefined && { device }),
    ...(inUse && { port: inUse.port }),
    ...(state?.endpoint !== undefined && { endpoint: state.endpoint }),
    ...(state?.handshake && { handshakeSeconds: secondsSince(state.handshake) }),
    ...(state?.unansweredSince && { unansweredSeconds: secondsSince(state.unansweredSince) }),
  };
}

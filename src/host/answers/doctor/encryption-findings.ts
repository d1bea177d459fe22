import { isUnanswered } from '../../../agent/encryption/peer-states.js';
import { judgeEncryption } from '../../../doctor/encryption/encryption-checks.js';
import { type Judgement, ok } from '../../../doctor/finding.js';
import type { Foundation } from '../../foundation.js';
import type { Host } from '../../host.js';

/** For `xnet doctor`: devices and handshakes are read now. Undefined: the host is still starting. */
export async function findEncryptionFaults(
  { encryptionDevice, encryptionKeys }: Foundation,
  host: Host | undefined,
): Promise<readonly Judgement[]> {
  if (!host) return [ok('not looked at yet: this host is still starting')];
  const { encryption, hosts, paths, local, changes } = host;
  const networks = local.listNetworks().filter(({ record }) => record.protection?.encrypt);
  const [missing] = await Promise.all([encryptionDevice.missingPrograms(), encryption.refresh()]);
  const now = new Date();
  const peers = hosts.list().flatMap(({ host: { id, name, vtep, encryption: [inUse] = [] }, alive }) => {
    const state = inUse && encryption.states.get(inUse.publicKey);
    if (!inUse || !state || !alive) return [];
    const isPathLost = paths.states.get(id)?.verdict === 'lost';
    const { handshake } = state;
    return [{ name, vtep, port: inUse.port, handshake, isUnanswered: isUnanswered(state, now), isPathLost }];
  });
  return judgeEncryption(
    {
      vtep: changes.underlay.vtep,
      networks: networks.map(({ record: { id, name = id } }) => name),
      problem: encryption.problems[0],
      ...{ missing, peers },
      keysMadeAt: encryptionKeys.all.map(({ madeAt }) => new Date(madeAt)),
    },
    now,
  );
}

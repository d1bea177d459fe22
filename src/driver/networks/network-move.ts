/** What is written when a Docker network of this host turns out to be one that the cluster has already. */
import { XnetError } from '../../errors.js';
import { type BindingReference, bindingRecord, type Seen } from '../../model/binding.js';
import { putBinding } from '../../model/by-host.js';
import { keys } from '../../model/keys.js';
import { type NetworkRecord, networkRecord } from '../../model/network.js';
import { formatRecord, parseRecord } from '../../model/record.js';
import type { Condition, Store, Write } from '../../store/store.js';
import { type Attempt, asRead } from '../../store/transact.js';
import { removalWrites } from './network-removal.js';

export interface Move extends BindingReference {
  /** The cluster network to which the Docker network is bound from now on. */
  readonly to: string;
  readonly seen: Seen;
  /** Of the Docker network. Copies that are made from now on get these, the latest that a user gave. */
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * One try to bind a Docker network to another network of the cluster, and to remove its former one, which no other
 * Docker network is bound to. Undefined when one of the two networks is gone. Throws IN_USE when a container has an
 * endpoint in the former network. None is created in the meantime: on this host LocalNetworks.moveNetwork prevents it,
 * and no other host has the network.
 */
export async function attemptMove(
  store: Store,
  { networkId, hostId, dockerNetworkId, to, seen, labels }: Move,
): Promise<Attempt<NetworkRecord | undefined>> {
  const own = keys.binding(networkId, hostId, dockerNetworkId);
  const [binding, former, target, guard] = await Promise.all(
    [own, keys.network(networkId), keys.network(to), keys.bindingGuard(networkId)].map((key) =>
      store.get(key),
    ),
  );
  const record = target && parseRecord(networkRecord, target);
  if (!binding || !former || !target || !record?.mirror || record.mirror.removal)
    return { result: undefined };
  await requireUnused(store, networkId, own);
  const result = { ...record, mirror: { ...record.mirror, labels: { ...labels } } };
  const moved = { ...parseRecord(bindingRecord, binding), networkId: to, seen };
  const conditions: Condition[] = [
    asRead(own, binding),
    asRead(former.key, former),
    asRead(target.key, target),
    asRead(keys.bindingGuard(networkId), guard),
  ];
  const writes: Write[] = [
    ...removalWrites(parseRecord(networkRecord, former)),
    { remove: keys.bindingTwin({ networkId, hostId, dockerNetworkId }) },
    { put: target.key, value: formatRecord(result) },
    ...putBinding(moved),
    { put: keys.bindingGuard(to), value: dockerNetworkId },
  ];
  return { result, conditions, writes };
}

async function requireUnused(store: Store, networkId: string, binding: string): Promise<void> {
  const bindings = await store.list(keys.bindingsOf(networkId), { once: true });
  const endpoints = await store.list(keys.endpointsOf(networkId));
  const isAlone = bindings.entries.every(({ key }) => key === binding);
  if (isAlone && endpoints.entries.length === 0) return;
  throw new XnetError('IN_USE', `network ${networkId} is in use`);
}

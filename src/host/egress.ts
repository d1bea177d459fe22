/** What keeps containers of networks with xnet.egress=deny from the outside, put together. */
import { EgressGuard, isClosed } from '../agent/egress/egress-guard.js';
import type { GuardedContainer } from '../agent/egress/guarded-container.js';
import { OwnAddresses } from '../agent/egress/own-addresses.js';
import type { RunningContainer } from '../dns/answers/host-containers.js';
import type { EgressGate, GateOf } from '../dns/collaborators.js';
import { isNamespace } from '../dns/sandbox/endpoint-sandboxes.js';
import type { Egress } from '../driver/collaborators.js';
import { isLan } from '../driver/networks/lan-plan.js';
import { XnetError } from '../errors.js';
import { keys } from '../model/keys.js';
import { type NetworkRecord, networkRecord } from '../model/network.js';
import { findRecord } from '../model/record.js';
import type { Store } from '../store/store.js';
import type { Forwarding } from './forwarding.js';
import type { Foundation } from './foundation.js';

/** What a resolver asks before there is a host, and afterwards the guard. */
export class EgressGates {
  #guard: EgressGuard | undefined;

  constructor(private readonly store: Store) {}

  connect(guard: EgressGuard): void {
    this.#guard = guard;
  }

  readonly find: GateOf = (sandboxPath, networkIds) =>
    this.#guard
      ? this.#guard.gateOf(sandboxPath, networkIds)
      : [...networkIds].some((id) => this.#wasClosed(id))
        ? WAITING
        : undefined;

  /** As an earlier daemon of this host last knew it. */
  #wasClosed(networkId: string): boolean {
    const key = keys.network(networkId);
    const entry = this.store.recall?.(key)?.find((each) => each.key === key);
    const record = entry && findRecord(networkRecord, entry);
    return record !== undefined && isClosed(record);
  }
}

/** Until it is known what the container may ask for. */
const WAITING: EgressGate = { judge: () => 'wait', admit: async () => 'failed' };

/** To be started when the sandboxes of this host's endpoints can be found. */
export function createEgressGuard(
  { dataplane, containers, gates, events, logger }: Foundation,
  { local, hosts, clusterNetworks, repairs }: Forwarding,
  sandboxPathOf: (endpointId: string) => string | undefined,
): EgressGuard {
  const own = new OwnAddresses(hosts, clusterNetworks);
  const isOwn = (address: string) => own.has(address);
  const guard = new EgressGuard({
    ...{ rules: dataplane.egress, local, sandboxPathOf, isOwn, repairs, logger },
    containerIn: (path) => guarded(containers.inSandbox(path), (id) => local.findNetwork(id)?.record),
    noteRefused: (container, what) => {
      logger.warn('refused a container a name outside', { container, what });
      events.note({ kind: 'egress refused', what: `${container} ${what}`, container });
    },
  });
  containers.onChange(() => guard.hint());
  gates.connect(guard);
  return guard;
}

/** What the driver does with it. */
export function driversEgress(
  guard: EgressGuard,
  sandboxPathOf: (endpointId: string) => string | undefined,
): Egress {
  return {
    prepare: async (network, sandboxPath) => {
      if (isClosed(network) && !(await isNamespace(sandboxPath))) throw tooOld(network);
      await guard.prepare(network);
    },
    close: async (networkId, endpointId) => {
      const path = sandboxPathOf(endpointId);
      if (path !== undefined) await guard.close(networkId, path);
    },
    hint: () => guard.hint(),
  };
}

function tooOld({ name, id }: NetworkRecord): XnetError {
  return new XnetError(
    'UNSUPPORTED',
    `network ${name ?? id} has xnet.egress=deny, for which Docker has to be 28 or later: this one starts a container's process before it could be closed`,
  );
}

/** `recordOf`: of a Docker network of xnet's. */
function guarded(
  container: RunningContainer | undefined,
  recordOf: (dockerNetworkId: string) => NetworkRecord | undefined,
): GuardedContainer | undefined {
  if (!container) return undefined;
  const { id, name, labels, networks } = container;
  const others = networks.filter(({ networkId, network }) => {
    const record = recordOf(networkId);
    return record ? isLan(record.mode) : network !== 'none';
  });
  return { id, name, labels, otherWays: others.map(({ network }) => network) };
}

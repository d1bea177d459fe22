/** The parts that exist before the store and the underlay are reached. */
import { join } from 'node:path';
import { EncryptionKeys } from '../agent/encryption/encryption-keys.js';
import { ensureHostId, readMachine } from '../agent/hosts/host-identity.js';
import { IdentityClash } from '../agent/hosts/records-owner.js';
import { KnownLabels } from '../agent/labels/known-labels.js';
import type { Config } from '../config/schema.js';
import { storeSettings } from '../config/store-settings.js';
import type { Dataplane } from '../dataplane/dataplane.js';
import type { EncryptionDevice } from '../dataplane/encryption/encryption.js';
import { LinuxEncryption } from '../dataplane/encryption/linux-encryption.js';
import { LinuxDataplane } from '../dataplane/linux-dataplane.js';
import { LinuxPairs } from '../dataplane/pairs/linux-pairs.js';
import type { PairDevice } from '../dataplane/pairs.js';
import { LinuxPaths } from '../dataplane/paths/linux-paths.js';
import type { PathDevice } from '../dataplane/paths.js';
import { LinuxPolicies } from '../dataplane/policy/linux-policies.js';
import type { PolicyDevice } from '../dataplane/policy/policies.js';
import {
  ensureSandboxRules,
  removeSandboxRules,
  repairSandboxRules,
} from '../dataplane/sandbox/sandbox-rules.js';
import { HostContainers } from '../dns/answers/host-containers.js';
import { Zones } from '../dns/answers/zones.js';
import { SandboxResolvers } from '../dns/sandbox/resolvers.js';
import { ENCRYPTION_SUBNET } from '../inet/encrypted-vtep.js';
import type { KeeperClient } from '../keeper/client/held-sockets.js';
import { EventLog } from '../observability/event-log.js';
import type { Logger } from '../observability/logger.js';
import { alwaysWatched, ownershipOf } from '../store/known/own-keys.js';
import { openStore } from '../store/open-store.js';
import { FailStaticStore } from '../store/outage/fail-static-store.js';
import type { Store } from '../store/store.js';
import { EgressGates } from './egress.js';
import { namesLastKnown } from './names-last-known.js';

const SANDBOX_RULES = {
  ensure: ensureSandboxRules,
  repair: repairSandboxRules,
  remove: removeSandboxRules,
};

/** What the process is given from outside. */
export interface Surroundings {
  readonly config: Config;
  readonly logger: Logger;
  readonly sockets: KeeperClient;
  readonly version: string;
  /** Id of the managed plugin that this process is in; undefined: it is in none. */
  readonly pluginId: string | undefined;
  /** The host could not be started, and is being started again. */
  readonly isFailing: () => boolean;
}

export interface Foundation extends Surroundings, AsyncDisposable {
  readonly store: Store;
  readonly dataplane: Dataplane;
  readonly pathDevice: PathDevice;
  readonly pairDevice: PairDevice;
  readonly policyDevice: PolicyDevice;
  /** Filled by the host; asked by `resolvers`. */
  readonly zones: Zones;
  /** Filled by the publisher of names; asked by `resolvers`. */
  readonly containers: HostContainers;
  /** Filled by the publisher of names. */
  readonly labels: KnownLabels;
  /** They outlive the host: the sockets that an earlier daemon left with the keeper are served before the host starts. */
  readonly resolvers: SandboxResolvers;
  /** Connected by the host; asked by `resolvers`. */
  readonly gates: EgressGates;
  readonly hostId: string;
  readonly events: EventLog;
  /** As `readMachine` of agent/hosts/host-identity.ts. */
  readonly machine: string;
  readonly encryptionKeys: EncryptionKeys;
  readonly encryptionDevice: EncryptionDevice;
  readonly clash: IdentityClash;
}

/** Throws what cannot be set right by waiting: a state directory or a file of the configuration that cannot be used. */
export async function openFoundation(surroundings: Surroundings): Promise<Foundation> {
  const { config, logger, sockets, isFailing } = surroundings;
  const hostId = await ensureHostId(config.stateDir);
  const machine = await readMachine();
  const encryptionKeys = await EncryptionKeys.open(config.stateDir);
  const store = await openHostsStore(config, hostId, logger);
  const dataplane = openDataplane(config);
  const pathDevice = new LinuxPaths({ vxlanPort: config.vxlanPort });
  const pairDevice = new LinuxPairs();
  const policyDevice = new LinuxPolicies();
  const encryptionDevice = new LinuxEncryption({ subnet: ENCRYPTION_SUBNET });
  const zones = new Zones(namesLastKnown(store, hostId));
  const zoneOf = (networkId: string) => zones.find(networkId);
  // A host that cannot start learns nothing beyond what was last known.
  const isCurrent = (networkId: string) => isFailing() || zones.isCurrent(networkId);
  const containers = new HostContainers(zoneOf);
  const labels = new KnownLabels();
  const gates = new EgressGates(store);
  const asked = [zoneOf, containers, SANDBOX_RULES, sockets, isCurrent, gates.find] as const;
  const resolvers = new SandboxResolvers(...asked);
  const events = new EventLog(join(config.stateDir, 'events.jsonl'), logger);
  const close = async () => {
    await events[Symbol.asyncDispose]();
    await pathDevice[Symbol.asyncDispose]();
    await pairDevice[Symbol.asyncDispose]();
    await encryptionDevice[Symbol.asyncDispose]();
    await policyDevice[Symbol.asyncDispose]();
    await dataplane[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  };
  const identity = { hostId, machine, encryptionKeys, clash: new IdentityClash() };
  const kernel = { dataplane, pathDevice, pairDevice, policyDevice, encryptionDevice };
  const answering = { zones, containers, labels, resolvers, gates };
  const parts = { ...surroundings, ...identity, ...kernel, store, ...answering, events };
  return { ...parts, [Symbol.asyncDispose]: close };
}

function openDataplane({ vtep, interface: name, vxlanPort }: Config): LinuxDataplane {
  const underlay = vtep ?? name;
  return new LinuxDataplane({ vxlanPort, ...(underlay !== undefined && { underlay }) });
}

/** The cluster's store goes on while it is away, by what this host knows. The embedded store is never away. */
async function openHostsStore(config: Config, hostId: string, logger: Logger): Promise<Store> {
  const store = await openStore(storeSettings(config));
  if (config.store === 'embedded') return store;
  const ownership = ownershipOf(hostId);
  const options = { stateDirectory: config.stateDir, ownership, always: alwaysWatched(hostId), logger };
  return FailStaticStore.open(store, options);
}

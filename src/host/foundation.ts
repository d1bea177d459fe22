/** What there is before the store and the underlay are reached. */
import type { IdentityClash } from '../agent/hosts/records-owner.js';
import type { Config } from '../config/schema.js';
import type { Dataplane } from '../dataplane/dataplane.js';
import type { HostContainers } from '../dns/answers/host-containers.js';
import type { Zones } from '../dns/answers/zones.js';
import type { SandboxResolvers } from '../dns/sandbox/resolvers.js';
import type { Logger } from '../observability/logger.js';
import type { Store } from '../store/store.js';

export interface Foundation {
  readonly config: Config;
  readonly logger: Logger;
  readonly store: Store;
  readonly dataplane: Dataplane;
  /** Filled here; asked by `resolvers`. */
  readonly zones: Zones;
  /** Filled by the publisher of names; asked by `resolvers`. */
  readonly containers: HostContainers;
  /** They outlive the host: what a daemon before this one left with the keeper is served first of all. */
  readonly resolvers: SandboxResolvers;
  readonly hostId: string;
  /** As `readMachine` of agent/hosts/host-identity.ts. */
  readonly machine: string;
  readonly clash: IdentityClash;
  readonly version: string;
  /** Of the managed plugin that this is; undefined: it is none. */
  readonly pluginId: string | undefined;
}

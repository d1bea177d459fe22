/** The parts that exist before the store and the underlay are reached. */
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
  /** They outlive the host: the sockets that an earlier daemon left with the keeper are served before the host starts. */
  readonly resolvers: SandboxResolvers;
  readonly hostId: string;
  /** As `readMachine` of agent/hosts/host-identity.ts. */
  readonly machine: string;
  readonly clash: IdentityClash;
  readonly version: string;
  /** Id of the managed plugin that this process is in; undefined: it is in none. */
  readonly pluginId: string | undefined;
}

/** What should exist in the lab, as pure data: containers, networks, and the faults that are not healed yet. */

export interface Container {
  readonly name: string;
  readonly host: string;
  networks: string[];
  /** It was given a MAC, which needs the store to be claimed at each start. */
  readonly hasMac?: true;
  /** Started with `--restart always`: it comes back with dockerd and with the host. */
  readonly comesBack: boolean;
  running: boolean;
  /** Something that was allowed to fail may have failed: nothing is expected of it, and it goes before the next check. */
  doubtful: boolean;
  /** It was seen to be reached, and nothing has touched its path since. */
  settled: boolean;
}

export interface Network {
  readonly name: string;
  /** Hosts that surely have it: the one that it was created on, and all once it was seen everywhere. */
  hosts: string[];
  /** Hosts that had a container in it in a quiet: they hold addresses of it in advance. */
  usedOn: string[];
  /** As of a container. */
  doubtful: boolean;
}

/** Not healed yet. `subject` is a host, or a member of etcd. */
export interface Fault {
  readonly kind: 'xnet down' | 'dockerd down' | 'parted' | 'member down' | 'member frozen';
  readonly subject: string;
  /** dockerd is started with --live-restore: its containers run on. */
  readonly liveRestore?: boolean;
}

export interface Model {
  readonly hosts: readonly string[];
  readonly members: readonly string[];
  networks: Network[];
  containers: Container[];
  faults: Fault[];
  /** There is a backup of etcd. */
  hasBackup: boolean;
  /** How many names were given so far. */
  named: number;
}

export function emptyModel(hosts: readonly string[], members: readonly string[]): Model {
  return { hosts, members, networks: [], containers: [], faults: [], hasBackup: false, named: 0 };
}

export function hasFault(model: Model, subject: string, kind?: Fault['kind']): boolean {
  return model.faults.some(
    (fault) => fault.subject === subject && (kind === undefined || fault.kind === kind),
  );
}

/** More at once, and little could be done meanwhile. */
const MOST_FAULTS = 3;

export function takesFault(model: Model): boolean {
  return model.faults.length < MOST_FAULTS;
}

export function hasQuorum(model: Model, without = 0): boolean {
  const lost = model.members.filter((member) => hasFault(model, member)).length + without;
  return lost * 2 < model.members.length;
}

/** The host's Docker and xnet run: containers can be asked for. */
export function isServing(model: Model, host: string): boolean {
  return !hasFault(model, host, 'xnet down') && !hasFault(model, host, 'dockerd down');
}

/** What needs the store may fail on the host: it, or xnet, is out of reach. With one member of etcd lost it may not. */
export function mayRefuse(model: Model, host: string): boolean {
  return !isServing(model, host) || hasFault(model, host, 'parted') || !hasQuorum(model);
}

/** A start in these networks may fail on the host. Not for want of the store where it has addresses in advance. */
export function mayRefuseStart(model: Model, host: string, networks: readonly string[]): boolean {
  const isPrepared = networks.every((name) =>
    model.networks.some((network) => network.name === name && network.usedOn.includes(host)),
  );
  return isPrepared ? !isServing(model, host) : mayRefuse(model, host);
}

/** Containers of which something is known and expected. */
export function knownContainers(model: Model): Container[] {
  return model.containers.filter(({ doubtful }) => !doubtful);
}

export function runningContainers(model: Model): Container[] {
  return knownContainers(model).filter(({ running }) => running);
}

/** Networks that can be used on the host now. */
export function networksOn(model: Model, host: string): string[] {
  return model.networks.filter((network) => network.hosts.includes(host)).map(({ name }) => name);
}

export function sharedNetworks(one: Container, other: Container): string[] {
  return one.networks.filter((network) => other.networks.includes(network));
}

/** Running containers in this order, both ways, that have to reach each other; of those that nothing disturbed if `settled`. */
export function reachingPairs(model: Model, settled = false): [Container, Container][] {
  return pairs(
    model,
    (one, other) =>
      sharedNetworks(one, other).length > 0 &&
      (!settled || (one.settled && other.settled && hasPath(model, one, other))),
  );
}

/** Those that must not reach each other. */
export function foreignPairs(model: Model): [Container, Container][] {
  return pairs(model, (one, other) => sharedNetworks(one, other).length === 0 && other.networks.length > 0);
}

function pairs(
  model: Model,
  wanted: (one: Container, other: Container) => boolean,
): [Container, Container][] {
  const running = runningContainers(model);
  return running.flatMap((one) =>
    running
      .filter((other) => other !== one && wanted(one, other))
      .map((other): [Container, Container] => [one, other]),
  );
}

function hasPath(model: Model, one: Container, other: Container): boolean {
  return one.host === other.host || ![one.host, other.host].some((host) => hasFault(model, host, 'parted'));
}

/** After the check in quiet: everything is where it should be. */
export function settle(model: Model): void {
  for (const container of model.containers) container.settled = true;
  for (const network of model.networks) {
    network.hosts = [...model.hosts];
    const users = runningContainers(model).filter(({ networks }) => networks.includes(network.name));
    network.usedOn = [...new Set([...network.usedOn, ...users.map(({ host }) => host)])];
  }
}

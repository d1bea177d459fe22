import type { XnetError } from '../../errors.js';
import { listLinks } from '../../native/netlink/links.js';
import type { Change } from '../changes.js';
import type { EndpointSpec, LocalEndpoint } from '../dataplane.js';
import { endpointNameOf, interfaceName } from '../interface-names.js';
import { type BatchFailure, isAbsent, isPresent } from '../iproute2/iproute2.js';
import type { LanSpec } from '../modes.js';
import { isSandbox } from '../sandbox/sandbox-interface.js';
import {
  addLine,
  aliasLine,
  type Child,
  isRightChild,
  listChildren,
  listUnnamed,
  rivalAmong,
} from './children.js';
import { deleteChild, deleteUnfinished, dressChild } from './dress-child.js';
import type { LanHost } from './lan-devices.js';
import { childAlias, childIdsOf } from './names.js';
import { childNameTaken, lacking, notFound, type OtherUse, parentTaken } from './parent/refusals.js';
import type { Segment } from './parent/segment.js';

export interface ChildrenCheck {
  readonly changes: readonly Change[];
  /** Names of endpoints whose child is in the host's namespace, but that are none of this host's. */
  readonly strangers: readonly string[];
  /** Why one could not be made anew; the others are right. */
  readonly failure?: unknown;
}

/** The children of one network. */
export class LanChildren {
  /** Interface names of those that are attached, as far as known. */
  readonly #attached = new Set<string>();
  /** Interface name -> how the container calls it, seen while it was there. */
  readonly #names = new Map<string, string>();
  /** Interface name -> file of the container's namespace, as last known. */
  readonly #sandboxes = new Map<string, string>();

  constructor(
    private readonly id: string,
    private readonly host: LanHost,
  ) {}

  get isInUse(): boolean {
    return this.#attached.size > 0;
  }

  has(endpointId: string): boolean {
    return this.#attached.has(interfaceName(endpointId));
  }

  forget(name: string): void {
    this.#attached.delete(name);
  }

  /** Makes them, or completes what is there of them. Throws NOT_FOUND, IN_USE, UNSUPPORTED and KERNEL. */
  async attach(segment: Segment, endpoints: readonly EndpointSpec[]): Promise<void> {
    const work = () => this.#attach(segment, endpoints);
    // Of two networks that begin at the same moment the second finds the first.
    await (segment.mode.kind === 'ipvlan' && !this.isInUse ? this.host.lans.alone(work) : work());
  }

  async #attach(segment: Segment, endpoints: readonly EndpointSpec[]): Promise<void> {
    await this.#refuseRival(segment);
    const failures = await this.#add(segment, endpoints);
    const taken = endpoints.filter(({ id }) => failures.some(({ line }) => isAddOf(line, id)));
    if (taken.length > 0) await this.#addAgain(segment, taken);
    for (const { id } of endpoints) this.#attached.add(interfaceName(id));
  }

  /** Wherever they are: Docker has moved them back, or they are in a container that is known. Absent is success. */
  async detach(names: readonly string[]): Promise<void> {
    const lines = names.map((name) => `link del ${name}`);
    const options = { tolerate: isAbsent, lane: 'removal' } as const;
    const absent = await this.host.iproute2.batch('ip', undefined, lines, options);
    for (const { line } of absent) {
      const name = line.replace('link del ', '');
      const path = this.#sandboxes.get(name);
      if (path !== undefined) await deleteChild(path, childAlias(this.id, endpointNameOf(name) ?? ''));
    }
    for (const name of names) for (const known of [this.#names, this.#sandboxes]) known.delete(name);
  }

  /** Makes those anew that a container has lost. */
  async repair(segment: Segment, endpoints: readonly LocalEndpoint[]): Promise<ChildrenCheck> {
    const children = await this.#find(endpoints);
    const there = new Set(children.map(({ endpointName }) => endpointName));
    this.#learn(children, endpoints);
    const missing = endpoints.filter(({ id }) => !there.has(nameOf(id)));
    for (const name of this.#attached)
      if (!there.has(endpointNameOf(name) ?? '')) this.#attached.delete(name);
    for (const name of there)
      if (endpoints.some(({ id }) => nameOf(id) === name)) this.#attached.add(`xc${name}`);
    const changes: Change[] = [];
    let failure: unknown;
    for (const endpoint of missing) {
      // What one container is like is no affair of the others'.
      const isMade = await this.#makeAgain(segment, endpoint).catch((error: unknown) => {
        failure ??= error;
        return false;
      });
      if (isMade) changes.push(changeOf(segment, endpoint));
    }
    const known = new Set([...endpoints.map(({ id }) => interfaceName(id)), ...this.#attached]);
    const strangers = children.filter(
      ({ isOutside, endpointName: name }) => isOutside && !known.has(`xc${name}`),
    );
    const names = strangers.map(({ endpointName }) => endpointName);
    // Of this network, or of another on the same parent.
    const unnamed = await listUnnamed(this.host.hostPath, segment);
    return { changes, strangers: [...names, ...unnamed], ...(failure !== undefined && { failure }) };
  }

  /** Twice when one is missing: it may have moved from a container to the host's namespace in the midst of the first look. */
  async #find(endpoints: readonly LocalEndpoint[]): Promise<Child[]> {
    const list = async () =>
      (await listChildren(this.host.hostPath)).filter(({ networkId }) => networkId === this.id);
    const first = await list();
    const isMissing = ({ id }: LocalEndpoint) =>
      !first.some(({ endpointName }) => endpointName === nameOf(id));
    if (!endpoints.some(isMissing)) return first;
    const second = await list();
    const names = new Set(second.map(({ endpointName }) => endpointName));
    return [...first.filter(({ endpointName }) => !names.has(endpointName)), ...second];
  }

  /** The kernel would give its mode to the children of the other (ipvlan_set_port_mode), or refuse. */
  async #refuseRival({ mode, parent, namespace }: Segment): Promise<void> {
    if (namespace !== undefined) return;
    const { lans } = this.host;
    const rival = lans.findRival(this.id, mode, parent) ?? (await this.#findEarlierRival(mode, parent));
    if (rival) throw parentTaken(this.id, mode, parent, rival);
  }

  /** Of an earlier process: this one may not have looked yet which networks have endpoints. The kernel itself refuses macvlan. */
  async #findEarlierRival(mode: LanSpec, parent: string): Promise<OtherUse | undefined> {
    const { hostPath, lans } = this.host;
    if (mode.kind !== 'ipvlan' || this.isInUse) return undefined;
    const [links, children] = [await listLinks(hostPath), await listChildren(hostPath)];
    const index = links.find(({ ifname }) => ifname === parent)?.index;
    return rivalAmong(
      // Interfaces of a LAN inside the host have numbers of their own.
      children.filter(({ networkId }) => networkId !== this.id && !lans.isElsewhere(networkId, parent)),
      mode,
      index,
    );
  }

  /** Resolves to the failures of names that are taken. */
  async #add(segment: Segment, endpoints: readonly EndpointSpec[]): Promise<readonly BatchFailure[]> {
    const { iproute2, namespace } = this.host;
    const isWire = segment.namespace !== undefined;
    const into = isWire ? await namespace.path() : undefined;
    const adds = endpoints.map((endpoint) => addLine(segment, endpoint, into));
    const aliases = endpoints.map(({ id }) => aliasLine(this.id, id));
    const tolerate = (failure: BatchFailure) => isPresent(failure) || isAbsent(failure) || isRefused(failure);
    try {
      const [lines, more] = isWire ? [adds, aliases] : [[...adds, ...aliases], []];
      const failures = await iproute2.batch('ip', segment.namespace, lines, { tolerate });
      await iproute2.batch('ip', undefined, more, { tolerate });
      const worst = failures.find((each) => each.line.startsWith('link add') && !isPresent(each));
      if (worst) throw this.#refusal(segment, worst);
      return failures;
    } catch (error: unknown) {
      throw lacking(segment.mode.kind, error);
    }
  }

  #refusal({ mode, parent }: Segment, failure: BatchFailure): XnetError {
    if (isAbsent(failure)) return notFound(parent, this.id);
    const isOwn = mode.kind === 'macvlan' && mode.submode === 'passthru' && this.isInUse;
    return parentTaken(this.id, mode, parent, isOwn ? { networkId: this.id, mode } : undefined);
  }

  /** What is left of an earlier process is as it shall be, or made anew. Throws IN_USE for a stranger's interface. */
  async #addAgain(segment: Segment, endpoints: readonly EndpointSpec[]): Promise<void> {
    const links = await listLinks(this.host.hostPath);
    const wrong = endpoints.filter((endpoint) => {
      const name = interfaceName(endpoint.id);
      const link = links.find(({ ifname }) => ifname === name);
      if (link && childIdsOf(link.ifalias)?.networkId !== this.id) throw childNameTaken(name, this.id);
      return !link || !isRightChild(link, segment.mode, endpoint);
    });
    if (wrong.length === 0) return;
    const lines = wrong.map(({ id }) => `link del ${interfaceName(id)}`);
    await this.host.iproute2.batch('ip', undefined, lines, { tolerate: isAbsent });
    const [failure] = await this.#add(segment, wrong);
    if (failure) throw childNameTaken(failure.line.split(' ')[2] ?? '', this.id);
  }

  async #makeAgain(segment: Segment, endpoint: LocalEndpoint): Promise<boolean> {
    const { sandboxPath, id } = endpoint;
    if (sandboxPath === undefined || !(await isSandbox(sandboxPath))) return false;
    const dressed = { ...endpoint, sandboxPath };
    await deleteUnfinished(this.id, dressed);
    try {
      const line = addLine(segment, endpoint, sandboxPath);
      const tolerate = isRefused;
      const [refused] = await this.host.iproute2.batch('ip', segment.namespace, [line], { tolerate });
      if (refused) throw this.#refusal(segment, refused);
      await dressChild(this.id, segment.mode, dressed, this.#names.get(interfaceName(id)));
    } catch (error: unknown) {
      await deleteUnfinished(this.id, dressed).catch(() => {});
      throw lacking(segment.mode.kind, error);
    }
    this.#attached.add(interfaceName(id));
    return true;
  }

  #learn(children: readonly Child[], endpoints: readonly LocalEndpoint[]): void {
    for (const { endpointName, isOutside, link } of children) {
      // Docker has moved it in, and is about to name it.
      if (!isOutside && endpointNameOf(link.ifname) === undefined)
        this.#names.set(`xc${endpointName}`, link.ifname);
    }
    for (const { id, sandboxPath } of endpoints)
      if (sandboxPath !== undefined) this.#sandboxes.set(interfaceName(id), sandboxPath);
  }
}

function nameOf(endpointId: string): string {
  return endpointNameOf(interfaceName(endpointId)) ?? '';
}

function isAddOf(line: string, endpointId: string): boolean {
  return line.startsWith(`link add ${interfaceName(endpointId)} `);
}

/** The parent does not take such a child beside what is there. */
function isRefused({ words }: BatchFailure): boolean {
  return /Device or resource busy|Invalid argument/.test(words);
}

function changeOf({ mode }: Segment, { id }: LocalEndpoint): Change {
  return { kind: mode.kind, object: interfaceName(id), was: 'missing' };
}

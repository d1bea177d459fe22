/** What keeps containers from the outside, in the kernel of Linux: elements of the tables of egress-layout.ts. */
import { isDeepStrictEqual } from 'node:util';
import { limitTo } from '../../concurrency/limit.js';
import { XnetError } from '../../errors.js';
import { readPortSources } from '../../native/netfilter/netdev-sources.js';
import { type ListedLink, listLinks } from '../../native/netlink/links.js';
import type { Iproute2 } from '../iproute2/iproute2.js';
import { AdmittedAddresses } from './admitted-addresses.js';
import { type EgressElement, elementsOf, isPermission, sourceOf } from './egress-elements.js';
import { EGRESS_TABLE } from './egress-layout.js';
import type { EgressAddress, EgressRange, EgressRules, GatewayLeg, RefusedPackets } from './egress-rules.js';
import { EgressTables, type EgressTablesParts, named, type TimedElement } from './egress-tables.js';
import { deleteElements, replaceElements } from './element-changes.js';
import { type FoundLeg, findLeg } from './gateway-leg.js';
import { readRefused } from './read-refused.js';

export interface LinuxEgressParts extends EgressTablesParts {
  readonly iproute2: Iproute2;
}

interface OwnLeg {
  readonly leg: GatewayLeg;
  /** The addresses are Docker's, all of them: what the container makes of its interface later changes nothing. */
  readonly isSettled: boolean;
}

interface Closed extends OwnLeg {
  readonly elements: readonly EgressElement[];
}

const USUAL_BRIDGE = 'docker_gwbridge';

export class LinuxEgress implements EgressRules {
  readonly #parts: LinuxEgressParts;
  readonly #tables: EgressTables;
  readonly #admitted: AdmittedAddresses;
  readonly #limit = limitTo(1);
  /** By which containers go out; undefined: as far as is known, the usual one. */
  #bridge: string | undefined;
  /** By sandbox. */
  readonly #closed = new Map<string, Closed>();
  /** Port -> addresses: as an earlier daemon has closed it, until it is known whose it is. */
  #adopted = new Map<string, readonly string[]>();
  /** Something of an earlier daemon's may be in the kernel that is nobody's. */
  #hasLeftovers = true;
  /** Sandbox -> port, of containers that could not be closed. */
  readonly #down = new Map<string, string>();

  constructor(parts: LinuxEgressParts) {
    this.#parts = parts;
    this.#tables = new EgressTables(parts);
    this.#admitted = new AdmittedAddresses(this.#tables);
  }

  useBridge(device: string | undefined): boolean {
    const isOther = device !== this.#bridge;
    this.#bridge = device;
    return isOther;
  }

  prepare(): Promise<void> {
    return this.#limit(() => this.#prepare());
  }

  close(
    sandboxPath: string,
    ranges: readonly EgressRange[],
    goesElsewhere = false,
  ): Promise<GatewayLeg | undefined> {
    return this.#limit(async () => {
      const links = await listLinks(this.#parts.hostPath);
      const found = await this.#findLeg(sandboxPath, links, goesElsewhere);
      if (!found) {
        await this.#prepare();
        await this.#forget(sandboxPath);
        return undefined;
      }
      try {
        await this.#prepare();
        const own = this.#ownLeg(sandboxPath, found, links);
        await this.#close(sandboxPath, own, ranges);
        await this.#takeUp(sandboxPath);
        return own.leg;
      } catch (error: unknown) {
        await this.#takeDown(sandboxPath, found.port);
        throw error;
      }
    });
  }

  admit(sandboxPath: string, addresses: readonly EgressAddress[]): void {
    const closed = this.#closed.get(sandboxPath);
    if (!closed)
      throw new XnetError('NOT_FOUND', `the container in ${sandboxPath} has no way out that is closed`);
    this.#admitted.admit(closed.leg.addresses, addresses);
  }

  open(sandboxPath: string): Promise<void> {
    return this.#limit(() => this.#forget(sandboxPath));
  }

  keep(list: () => readonly string[] | undefined): Promise<boolean> {
    return this.#limit(async () => {
      const sandboxPaths = list();
      if (!sandboxPaths) return false;
      for (const path of [...this.#closed.keys()]) if (!sandboxPaths.includes(path)) await this.#forget(path);
      const all = [...this.#closed.values()];
      const ports = all.map(({ leg }) => leg.port);
      const strangers = this.#tables.listPorts().filter((port) => !ports.includes(port));
      const links = new Set((await listLinks(this.#parts.hostPath)).map(({ ifname }) => ifname));
      // It is in use: who has it is not known yet, and stays closed.
      if (strangers.some((port) => links.has(port))) return false;
      this.#adopted.clear();
      if (all.length === 0) {
        this.#admitted.forget(this.#admitted.of(() => true));
        await this.#tables.remove();
        this.#hasLeftovers = false;
        return true;
      }
      for (const port of strangers) await this.#tables.unguard(port);
      const wanted = namesOf(all.flatMap(({ elements }) => elements));
      const listed = [...this.#tables.list('closed'), ...this.#tables.list('ranges')];
      const others = listed.map(({ element }) => element).filter((element) => !wanted.has(named(element)));
      const sources = new Set(all.flatMap(({ leg }) => leg.addresses));
      this.#admitted.current();
      this.#delete([...others, ...this.#admitted.of((source) => !sources.has(source))]);
      this.#hasLeftovers = false;
      return true;
    });
  }

  repair(): Promise<readonly string[]> {
    return this.#limit(async () => {
      if (!this.#tables.isWritten) return [];
      const all = [...this.#closed.values()];
      const elements = all.flatMap((each) => each.elements);
      const altered = this.#tables.look(
        elements,
        all.map(({ leg }) => leg.port),
      );
      if (altered.length > 0) await this.#write();
      return altered;
    });
  }

  refused(addresses: readonly string[]): readonly RefusedPackets[] {
    return this.#tables.isWritten ? readRefused(this.#parts.hostPath, addresses) : [];
  }

  /** The kernel's state stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#limit(async () => undefined);
  }

  async #findLeg(
    sandboxPath: string,
    links: readonly ListedLink[],
    goesElsewhere: boolean,
  ): Promise<FoundLeg | undefined> {
    const { hostPath } = this.#parts;
    const leg = await findLeg(sandboxPath, links, this.#bridge ?? USUAL_BRIDGE, hostPath);
    if (leg || (this.#bridge !== undefined && goesElsewhere)) return leg;
    return findLeg(sandboxPath, links, undefined, hostPath);
  }

  /**
   * The addresses by which the container goes out are those that it had when it was closed first, before its process ran, or as an
   * earlier daemon has guarded its port: a container may give its interface others. One that another container's port has, which is
   * there, is not its own.
   */
  #ownLeg(sandboxPath: string, { port, addresses, isUp }: FoundLeg, links: readonly ListedLink[]): OwnLeg {
    const known = this.#closed.get(sandboxPath);
    if (known?.isSettled && known.leg.port === port) return known;
    const adopted = known ? undefined : this.#adopted.get(port);
    if (adopted) return { leg: { port, addresses: adopted }, isSettled: true };
    const ports = new Set(links.map(({ ifname }) => ifname));
    const legs = this.#legsBut(sandboxPath).filter((each) => each.port !== port && ports.has(each.port));
    const taken = new Set(legs.flatMap((each) => each.addresses));
    const own = addresses.filter((address) => !taken.has(address));
    const isSettled = isUp && own.length > 0 && own.length === addresses.length;
    return { leg: { port, addresses: own }, isSettled };
  }

  #legsBut(sandboxPath: string): GatewayLeg[] {
    const others = [...this.#closed].filter(([path]) => path !== sandboxPath);
    const adopted = [...this.#adopted].map(([port, addresses]) => ({ port, addresses }));
    return [...others.map(([, { leg }]) => leg), ...adopted];
  }

  async #prepare(): Promise<void> {
    if (this.#tables.isWritten && this.#tables.isRight()) return;
    const isFirst = !this.#tables.isWritten;
    if (isFirst) this.#adoptPorts();
    await this.#write();
    if (isFirst) this.#admitted.adopt();
  }

  #adoptPorts(): void {
    const known = new Set([...this.#closed.values()].map(({ leg }) => leg.port));
    const sources = readPortSources(this.#parts.hostPath, EGRESS_TABLE);
    for (const [port, addresses] of sources) if (!known.has(port)) this.#adopted.set(port, addresses);
  }

  async #write(): Promise<void> {
    const all = [...this.#closed.values()];
    const elements: TimedElement[] = all.flatMap((each) => each.elements.map((element) => ({ element })));
    // The chain of one whose device is gone would be refused, and all else with it.
    const links = new Set((await listLinks(this.#parts.hostPath)).map(({ ifname }) => ifname));
    await this.#tables.write(
      [...elements, ...this.#admitted.current()],
      all.map(({ leg }) => leg).filter(({ port }) => links.has(port)),
    );
  }

  /** What it may reach no more goes at once; what it had of its own before, when the new is in force. */
  async #close(sandboxPath: string, own: OwnLeg, ranges: readonly EgressRange[]): Promise<void> {
    const { leg } = own;
    const before = this.#closed.get(sandboxPath);
    const elements = elementsOf(leg.addresses, ranges);
    const [known, wanted] = [namesOf(before?.elements ?? []), namesOf(elements)];
    const gone = (before?.elements ?? []).filter((element) => !wanted.has(named(element)));
    const isAdopted = before === undefined && this.#adopted.has(leg.port);
    const acquired = leg.addresses.filter((each) => !isAdopted && !before?.leg.addresses.includes(each));
    const former = this.#formerOf(sandboxPath, acquired);
    const permissions = [...gone.filter(isPermission), ...this.#permissionsOf(acquired, former)];
    const stale = permissions.filter((element) => !wanted.has(named(element)));
    replaceElements(
      this.#tables,
      distinct(stale),
      elements.filter((element) => !known.has(named(element))).map((element) => ({ element })),
    );
    this.#admitted.forget(stale);
    const isOther = !isDeepStrictEqual(before?.leg, leg);
    if (isOther) await this.#tables.guard(leg);
    this.#closed.set(sandboxPath, { ...own, elements });
    this.#adopted.delete(leg.port);
    if (before && (isOther || gone.length > 0)) await this.#leave(before, leg.port);
    for (const path of former) await this.#forget(path);
  }

  /** Sandboxes of containers that had one of these addresses before, and are gone: Docker has not said so yet. */
  #formerOf(sandboxPath: string, addresses: readonly string[]): string[] {
    return [...this.#closed].flatMap(([path, { leg }]) =>
      path !== sandboxPath && leg.addresses.some((each) => addresses.includes(each)) ? [path] : [],
    );
  }

  /** What may be reached from these addresses: somebody else had them before. */
  #permissionsOf(addresses: readonly string[], former: readonly string[]): EgressElement[] {
    if (addresses.length === 0) return [];
    const leftovers = this.#hasLeftovers ? this.#tables.list('ranges').map(({ element }) => element) : [];
    const known = former.flatMap((path) => this.#closed.get(path)?.elements.filter(isPermission) ?? []);
    const ofAddresses = (source: string) => addresses.includes(source);
    const ranges = [...leftovers, ...known].filter((element) => ofAddresses(sourceOf(element)));
    return [...ranges, ...this.#admitted.of(ofAddresses)];
  }

  async #forget(sandboxPath: string): Promise<void> {
    const closed = this.#closed.get(sandboxPath);
    this.#closed.delete(sandboxPath);
    if (closed) await this.#leave(closed, undefined);
    await this.#takeUp(sandboxPath);
  }

  /** What it had goes, but for what others have, who may have got its address. `port`: it has that now. */
  async #leave({ leg, elements }: Closed, port: string | undefined): Promise<void> {
    const others = [...this.#closed.values()];
    const kept = namesOf(others.flatMap((each) => each.elements));
    const owned = new Set(others.flatMap((each) => each.leg.addresses));
    const admitted = this.#admitted.of((each) => leg.addresses.includes(each) && !owned.has(each));
    this.#delete([...admitted, ...elements.filter((element) => !kept.has(named(element)))]);
    if (leg.port !== port && this.#tables.isWritten) await this.#tables.unguard(leg.port);
  }

  #delete(elements: readonly EgressElement[]): void {
    this.#admitted.forget(elements);
    deleteElements(this.#tables, elements);
  }

  /** Never fails: where the port cannot be taken down, it is gone. */
  async #takeDown(sandboxPath: string, port: string): Promise<void> {
    this.#down.set(sandboxPath, port);
    await this.#set(port, 'down');
  }

  async #takeUp(sandboxPath: string): Promise<void> {
    const port = this.#down.get(sandboxPath);
    if (port === undefined) return;
    this.#down.delete(sandboxPath);
    await this.#set(port, 'up');
  }

  async #set(port: string, state: 'up' | 'down'): Promise<void> {
    const line = `link set dev ${port} ${state}`;
    await this.#parts.iproute2.batch('ip', undefined, [line]).catch(() => undefined);
  }
}

function namesOf(elements: readonly EgressElement[]): ReadonlySet<string> {
  return new Set(elements.map(named));
}

function distinct(elements: readonly EgressElement[]): EgressElement[] {
  return [...new Map(elements.map((element) => [named(element), element])).values()];
}

/** What keeps containers from the outside, in the kernel of Linux: elements of the tables of egress-layout.ts. */
import { isDeepStrictEqual } from 'node:util';
import { limitTo } from '../../concurrency/limit.js';
import { isXnetError, XnetError } from '../../errors.js';
import type { ElementChange } from '../../native/netfilter/set-elements.js';
import { listLinks } from '../../native/netlink/links.js';
import type { Iproute2 } from '../iproute2/iproute2.js';
import {
  addressElements,
  closedElement,
  type EgressElement,
  netlinkElement,
  rangeElements,
} from './egress-elements.js';
import type { EgressAddress, EgressRange, EgressRules, GatewayLeg, RefusedPackets } from './egress-rules.js';
import { EgressTables, type EgressTablesParts, named, type TimedElement } from './egress-tables.js';
import { findLeg } from './gateway-leg.js';
import { readRefused } from './read-refused.js';

export interface LinuxEgressParts extends EgressTablesParts {
  readonly iproute2: Iproute2;
  /** By which containers go out. Default: docker_gwbridge. */
  readonly bridge?: string | undefined;
}

interface Closed {
  readonly leg: GatewayLeg;
  readonly elements: readonly EgressElement[];
}

/** An address that is let through again within half of its time needs no change of the kernel's. */
const RENEWED_FROM = 0.5;

export class LinuxEgress implements EgressRules {
  readonly #parts: LinuxEgressParts;
  readonly #tables: EgressTables;
  readonly #limit = limitTo(1);
  readonly #closed = new Map<string, Closed>();
  /** Addresses that were let through, by `named`, with the end of their time. */
  readonly #admitted = new Map<string, { readonly element: EgressElement; readonly endMs: number }>();

  constructor(parts: LinuxEgressParts) {
    this.#parts = parts;
    this.#tables = new EgressTables(parts);
  }

  prepare(): Promise<void> {
    return this.#limit(() => this.#prepare());
  }

  close(sandboxPath: string, ranges: readonly EgressRange[]): Promise<GatewayLeg | undefined> {
    return this.#limit(async () => {
      await this.#prepare();
      const { bridge = 'docker_gwbridge', hostPath } = this.#parts;
      const leg = await findLeg(sandboxPath, bridge, hostPath);
      const before = this.#closed.get(sandboxPath);
      if (before && !isDeepStrictEqual(before.leg, leg)) await this.#forget(sandboxPath, before);
      if (leg) await this.#close(sandboxPath, leg, ranges);
      return leg;
    });
  }

  admit(sandboxPath: string, addresses: readonly EgressAddress[]): void {
    const sources = this.#closed.get(sandboxPath)?.leg.addresses;
    if (!sources)
      throw new XnetError('NOT_FOUND', `the container in ${sandboxPath} has no way out that is closed`);
    const now = performance.now();
    const wanted = sources.flatMap((source) =>
      addresses.flatMap((each) =>
        addressElements(source, each).map((element) => ({ element, leftMs: each.seconds * 1000 })),
      ),
    );
    const due = wanted.filter(({ element, leftMs }) => {
      const endMs = this.#admitted.get(named(element))?.endMs ?? 0;
      return endMs - now < leftMs * RENEWED_FROM;
    });
    this.#renew(due);
    for (const { element, leftMs } of due)
      this.#admitted.set(named(element), { element, endMs: now + leftMs });
  }

  open(sandboxPath: string): Promise<void> {
    return this.#limit(async () => {
      const closed = this.#closed.get(sandboxPath);
      if (closed) await this.#forget(sandboxPath, closed);
    });
  }

  keep(sandboxPaths: readonly string[]): Promise<boolean> {
    return this.#limit(async () => {
      for (const [path, closed] of this.#closed)
        if (!sandboxPaths.includes(path)) await this.#forget(path, closed);
      const all = [...this.#closed.values()];
      const ports = all.map(({ leg }) => leg.port);
      const strangers = this.#tables.listPorts().filter((port) => !ports.includes(port));
      const links = new Set((await listLinks(this.#parts.hostPath)).map(({ ifname }) => ifname));
      // It is in use: who has it is not known yet, and stays closed.
      if (strangers.some((port) => links.has(port))) return false;
      if (all.length === 0) {
        this.#admitted.clear();
        await this.#tables.remove();
        return true;
      }
      for (const port of strangers) await this.#tables.unguard(port);
      const wanted = new Set(all.flatMap(({ elements }) => elements.map(named)));
      const listed = [...this.#tables.list('closed'), ...this.#tables.list('ranges')];
      const others = listed.map(({ element }) => element).filter((element) => !wanted.has(named(element)));
      const sources = all.flatMap(({ leg }) => leg.addresses.map((each) => named(closedElement(each))));
      this.#delete([...others, ...this.#admittedBut(new Set(sources))]);
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

  async #prepare(): Promise<void> {
    if (this.#tables.isWritten && this.#tables.isRight()) return;
    const isFirst = !this.#tables.isWritten;
    await this.#write();
    if (isFirst) this.#adopt();
  }

  /** What an earlier daemon let through. */
  #adopt(): void {
    const now = performance.now();
    for (const { element, leftMs = 0 } of [
      ...this.#tables.list('addresses'),
      ...this.#tables.list('services'),
    ])
      this.#admitted.set(named(element), { element, endMs: now + leftMs });
  }

  async #write(): Promise<void> {
    const now = performance.now();
    const all = [...this.#closed.values()];
    const elements: TimedElement[] = all.flatMap((each) => each.elements.map((element) => ({ element })));
    for (const [name, { element, endMs }] of this.#admitted) {
      if (endMs <= now) this.#admitted.delete(name);
      else elements.push({ element, leftMs: endMs - now });
    }
    await this.#tables.write(
      elements,
      all.map(({ leg }) => leg),
    );
  }

  async #close(sandboxPath: string, leg: GatewayLeg, ranges: readonly EgressRange[]): Promise<void> {
    const before = this.#closed.get(sandboxPath);
    const elements = leg.addresses.flatMap((source) => [
      closedElement(source),
      ...ranges.flatMap((range) => rangeElements(source, range)),
    ]);
    const known = new Set(before?.elements.map(named));
    const wanted = new Set(elements.map(named));
    const gone = (before?.elements ?? []).filter((element) => !wanted.has(named(element)));
    try {
      this.#tables.change(additions(elements.filter((element) => !known.has(named(element)))));
      if (!before) await this.#tables.guard(leg);
    } catch (error: unknown) {
      await this.#parts.iproute2
        .batch('ip', undefined, [`link set dev ${leg.port} down`])
        .catch(() => undefined);
      throw error;
    }
    this.#closed.set(sandboxPath, { leg, elements });
    this.#delete(gone);
  }

  async #forget(sandboxPath: string, { leg, elements }: Closed): Promise<void> {
    this.#closed.delete(sandboxPath);
    const sources = new Set(leg.addresses.map((each) => named(closedElement(each))));
    const others = [...this.#admitted.values()].filter(({ element }) => sources.has(sourceOf(element)));
    this.#delete([...others.map(({ element }) => element), ...elements]);
    if (this.#tables.isWritten) await this.#tables.unguard(leg.port);
  }

  /** Of sources that are none of these. */
  #admittedBut(sources: ReadonlySet<string>): EgressElement[] {
    const all = [...this.#admitted.values()];
    return all.flatMap(({ element }) => (sources.has(sourceOf(element)) ? [] : [element]));
  }

  /** One that ran out meanwhile, or that others deleted, is success. */
  #delete(elements: readonly EgressElement[]): void {
    if (elements.length === 0) return;
    for (const element of elements) this.#admitted.delete(named(element));
    const changes = elements.map(
      (element): ElementChange => ({ verb: 'delete', element: netlinkElement(element) }),
    );
    if (this.#isDone(changes)) return;
    for (const change of changes) this.#isDone([change]);
  }

  /** A kernel before 6.12 keeps the time of what is there: it is deleted in the same transaction. */
  #renew(elements: readonly TimedElement[]): void {
    const known = elements.filter(({ element }) => this.#admitted.has(named(element)));
    const deletions = known.map(
      ({ element }): ElementChange => ({ verb: 'delete', element: netlinkElement(element) }),
    );
    const adding = elements.map(
      ({ element, leftMs }): ElementChange => ({ verb: 'add', element: netlinkElement(element, leftMs) }),
    );
    if (deletions.length > 0 && this.#isDone([...deletions, ...adding])) return;
    // Some of them ran out meanwhile.
    this.#tables.change(adding);
  }

  /** False: something that was to be deleted is not there, and nothing was done. */
  #isDone(changes: readonly ElementChange[]): boolean {
    try {
      this.#tables.change(changes);
      return true;
    } catch (error: unknown) {
      if (isXnetError(error, 'KERNEL') && error.fields.errno === 'ENOENT') return false;
      throw error;
    }
  }
}

function additions(elements: readonly EgressElement[]): ElementChange[] {
  return elements.map((element) => ({ verb: 'add', element: netlinkElement(element) }));
}

/** As `named` of the element that closes the source. */
function sourceOf({ set, parts }: EgressElement): string {
  const [source] = parts;
  return named({ set: `closed${set.at(-1)}`, parts: source ? [source] : [] });
}

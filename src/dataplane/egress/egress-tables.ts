import { isXnetError, XnetError } from '../../errors.js';
import { addPorts } from '../../native/netfilter/netdev-ports.js';
import { readChains } from '../../native/netfilter/nft-table.js';
import {
  changeElements,
  type ElementChange,
  listElements,
  type SetElement,
} from '../../native/netfilter/set-elements.js';
import type { OwnWork } from '../iproute2/own-work.js';
import type { HostRuleset } from '../nft/host-ruleset.js';
import { applyNft } from '../nft/nft.js';
import { type EgressElement, elementText, readElement, type SetName } from './egress-elements.js';
import {
  EGRESS_TABLE,
  EGRESS_TABLES,
  egressLines,
  FAMILIES,
  OTHERS,
  OWN,
  PORTS,
  REMOVAL,
  sets,
} from './egress-layout.js';

/** What OwnWork calls the work on them. */
export const EGRESS = 'egress';

export interface EgressTablesParts {
  /** The namespace of /run/netns that is "the host"; undefined: this process's own. */
  readonly hostNamespace: string | undefined;
  readonly hostPath: string | undefined;
  readonly ownWork: OwnWork;
  readonly ruleset: HostRuleset;
}

/** An element that has its end. */
export interface TimedElement {
  readonly element: EgressElement;
  /** Absent: it has none. */
  readonly leftMs?: number | undefined;
}

/** Of one container. */
export interface Guard {
  readonly port: string;
  /** From which alone it sends. */
  readonly addresses: readonly string[];
}

/** A script that sets up a firewall flushes once. */
const MOST_TRIES = 3;
/** Of which the rest matters to somebody. */
const LEAST_LEFT_MS = 1_000;
const MOST_IN_LINE = 500;

/** The tables in the kernel, and whether they are as they were written: what was read of the chains then is compared. */
export class EgressTables {
  /** `inet closed4` -> what was read of it; undefined: they may be anything. */
  #chains: ReadonlyMap<string, string> | undefined;
  /** At which all was seen to be right. */
  #generation: number | undefined;

  constructor(private readonly parts: EgressTablesParts) {}

  /** False: they have not been written by this process, or are not right. */
  get isWritten(): boolean {
    return this.#chains !== undefined;
  }

  /**
   * All rules anew in one transaction, with these elements beside those that are there. Throws UNSUPPORTED and KERNEL.
   */
  async write(elements: readonly TimedElement[], guards: readonly Guard[]): Promise<void> {
    const lines = linesFor(elements, guards);
    this.#chains = undefined;
    for (let tries = 1; tries <= MOST_TRIES; tries++) {
      await this.#apply(lines).catch(() => this.#replace(elements, guards));
      const chains = this.#read();
      // Otherwise others took them away before they were read, which must not pass for right.
      if (!chains) continue;
      this.#chains = chains;
      this.#generation = undefined;
      return;
    }
    throw new XnetError(
      'KERNEL',
      `the nft tables ${EGRESS_TABLES.join(', ')} are gone as soon as they are set: find the program that flushes this host's nftables`,
    );
  }

  /** The port sends from these addresses alone, and to no other port. */
  async guard(guard: Guard): Promise<void> {
    this.change([{ verb: 'add', element: portElement(guard.port) }]);
    const { port, addresses } = guard;
    const sources = addresses.map((address) => ({ address, chain: OWN }));
    try {
      addPorts(this.parts.hostPath, EGRESS_TABLE, [{ device: port, sources, others: OTHERS }], []);
      void this.parts.ownWork.run(EGRESS, async () => undefined);
    } catch (error: unknown) {
      if (!isXnetError(error)) throw error;
      // It is there already, or the kernel refuses it: nft has words for that.
      await this.#apply(guardLines(guard));
    }
    this.#learn(port);
  }

  /** Absent is success. */
  async unguard(port: string): Promise<void> {
    await this.#apply([
      `add element bridge ${EGRESS_TABLE} ${PORTS} { "${port}" }`,
      `delete element bridge ${EGRESS_TABLE} ${PORTS} { "${port}" }`,
    ]);
    // It has gone with the device.
    await this.#apply([`delete chain netdev ${EGRESS_TABLE} ${port}`]).catch(() => undefined);
    this.#learn();
  }

  /** All of it. Absent is success. */
  async remove(): Promise<void> {
    const isThere =
      this.#chains !== undefined || readChains(this.parts.hostPath, 'inet', EGRESS_TABLE) !== undefined;
    this.#chains = undefined;
    if (isThere) await this.#apply(REMOVAL);
  }

  /** As `changeElements`. */
  change(changes: readonly ElementChange[]): void {
    try {
      changeElements(this.parts.hostPath, changes);
    } finally {
      void this.parts.ownWork.run(EGRESS, async () => undefined);
    }
  }

  /** Those of all families that have not run out. */
  list(name: SetName): TimedElement[] {
    return FAMILIES.flatMap((family) => {
      const set = { family: 'inet', table: EGRESS_TABLE, set: sets(family)[name] } as const;
      const listed = emptyIfAbsent(() => listElements(this.parts.hostPath, set));
      return listed.map((each) => ({ element: readElement(name, family, each), leftMs: each.expiresMs }));
    });
  }

  /** Those that are guarded, or were. */
  listPorts(): string[] {
    const listed = emptyIfAbsent(() => listElements(this.parts.hostPath, portElement('')));
    return listed.map(({ key }) => key.toString('latin1').replace(/\0+$/, ''));
  }

  /**
   * What others have altered since it was written: tables that are not as they were, and elements of `wanted` (texts, of the sets with no
   * timeouts) that are gone. Costs next to nothing while nobody has changed the host's rules.
   */
  look(wanted: readonly EgressElement[], ports: readonly string[]): string[] {
    const generation = this.parts.ruleset.read();
    if (generation !== undefined && generation === this.#generation) return [];
    const altered = this.#altered();
    if (altered.length === 0 && !this.#hasAll(wanted, ports)) altered.push(`inet ${EGRESS_TABLE}`);
    // Read before the tables: what came in between makes for another look.
    if (altered.length === 0) this.#generation = generation;
    return altered;
  }

  /** Whether rules are as they were written; elements are not looked at. */
  isRight(): boolean {
    const generation = this.parts.ruleset.read();
    return (generation !== undefined && generation === this.#generation) || this.#altered().length === 0;
  }

  #altered(): string[] {
    const [now, known] = [this.#read(), this.#chains];
    if (!now || !known) return [...EGRESS_TABLES];
    const differing = [...known].filter(([name, text]) => now.get(name) !== text);
    const gone = differing.filter(([name]) => !this.#isOfGoneDevice(name, now));
    return [...new Set(gone.map(([name]) => `${name.split(' ')[0]} ${EGRESS_TABLE}`))];
  }

  /** A chain at a device goes with it. */
  #isOfGoneDevice(name: string, now: ReadonlyMap<string, string>): boolean {
    const [family, chain] = name.split(' ');
    return family === 'netdev' && ![OWN, OTHERS, ''].includes(chain ?? '') && !now.has(name);
  }

  #hasAll(wanted: readonly EgressElement[], ports: readonly string[]): boolean {
    const there = new Set(
      [...this.list('closed'), ...this.list('ranges')].map(({ element }) => named(element)),
    );
    const guarded = new Set(this.listPorts());
    return wanted.every((element) => there.has(named(element))) && ports.every((port) => guarded.has(port));
  }

  /** Chains of ports come and go, and that of `written` may have been made anew. */
  #learn(written?: string): void {
    const now = this.#read();
    if (!now || !this.#chains) return;
    const chains = new Map([...this.#chains].filter(([name]) => now.has(name)));
    for (const [name, text] of now)
      if (!chains.has(name) || name === `netdev ${written}`) chains.set(name, text);
    this.#chains = chains;
  }

  /** Undefined: one of them is not there. */
  #read(): Map<string, string> | undefined {
    const chains = new Map<string, string>();
    for (const family of ['inet', 'bridge', 'netdev'] as const) {
      const found = readChains(this.parts.hostPath, family, EGRESS_TABLE);
      if (!found) return undefined;
      for (const [chain, text] of found) chains.set(`${family} ${chain}`, text);
    }
    return chains;
  }

  /** The sets are those of another version of xnet: what can be read of them is kept. */
  async #replace(elements: readonly TimedElement[], guards: readonly Guard[]): Promise<void> {
    const kept = (['closed', 'ranges', 'addresses', 'services'] as const).flatMap((name) => this.list(name));
    await this.#apply([...REMOVAL, ...linesFor([...kept, ...elements], guards)]);
  }

  async #apply(lines: readonly string[]): Promise<void> {
    await this.parts.ownWork.run(EGRESS, () => applyNft(this.parts.hostNamespace, lines));
  }
}

function linesFor(elements: readonly TimedElement[], guards: readonly Guard[]): string[] {
  const ports = guards.map(({ port }) => `add element bridge ${EGRESS_TABLE} ${PORTS} { "${port}" }`);
  return [...egressLines(), ...elementLines(elements), ...ports, ...guards.flatMap(guardLines)];
}

export function named(element: EgressElement): string {
  return `${element.set} ${elementText(element)}`;
}

function portElement(port: string): SetElement & { readonly family: 'bridge' } {
  const key = Buffer.alloc(16);
  key.write(port, 'latin1');
  return { family: 'bridge', table: EGRESS_TABLE, set: PORTS, key };
}

function guardLines({ port, addresses }: Guard): string[] {
  const chain = `netdev ${EGRESS_TABLE} ${port}`;
  return [
    `add chain ${chain} { type filter hook ingress device "${port}" priority 0; policy drop; }`,
    `flush chain ${chain}`,
    ...addresses.map((address) => {
      const [type, ip] = address.includes(':') ? ['ip6', 'ip6'] : ['ip', 'ip'];
      return `add rule ${chain} ether type ${type} ${ip} saddr ${address} goto ${OWN}`;
    }),
    `add rule ${chain} goto ${OTHERS}`,
  ];
}

function elementLines(elements: readonly TimedElement[]): string[] {
  const bySet = new Map<string, string[]>();
  for (const { element, leftMs } of elements) {
    if (leftMs !== undefined && leftMs < LEAST_LEFT_MS) continue;
    const timeout = leftMs === undefined ? '' : ` timeout ${Math.floor(leftMs / 1000)}s`;
    const texts = bySet.get(element.set) ?? [];
    bySet.set(element.set, texts);
    texts.push(`${elementText(element)}${timeout}`);
  }
  return [...bySet].flatMap(([set, texts]) =>
    Array.from({ length: Math.ceil(texts.length / MOST_IN_LINE) }, (_, i) => {
      const some = texts.slice(i * MOST_IN_LINE, (i + 1) * MOST_IN_LINE);
      return `add element inet ${EGRESS_TABLE} ${set} { ${some.join(', ')} }`;
    }),
  );
}

function emptyIfAbsent<T>(list: () => T[]): T[] {
  try {
    return list();
  } catch (error: unknown) {
    if (isXnetError(error, 'KERNEL') && error.fields.errno === 'ENOENT') return [];
    throw error;
  }
}

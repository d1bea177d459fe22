/** What happens in the kernel to what is ours, by the kernel's events: hints, of which one may be lost. */
import { z } from 'zod';
import { NftEvents, type NftEventsOptions } from '../../native/netfilter/nft-events.js';
import type { KernelHint, KernelReports, Underlay } from '../dataplane.js';
import { EGRESS_TABLES } from '../egress/egress-layout.js';
import { EGRESS } from '../egress/egress-tables.js';
import { ENCRYPTION_DEVICES } from '../encryption/encryption.js';
import {
  NAMESPACES,
  namespaceName,
  namespacePath,
  networkIdOf,
  networkIdOfSources,
} from '../interface-names.js';
import type { Iproute2 } from '../iproute2/iproute2.js';
import { monitorProgram } from '../iproute2/monitor-program.js';
import type { OwnWork } from '../iproute2/own-work.js';
import { TUNNEL_FILTER, TUNNEL_FILTER_TABLE } from '../nft/tunnel-filter.js';
import { addressIn, concernsUnderlay, KernelEvents } from './kernel-events.js';
import { NamespaceNames } from './namespace-names.js';

const numbersSchema = z.array(z.object({ nsid: z.number(), name: z.string().optional() }));

export interface KernelWatchParts {
  readonly iproute2: Iproute2;
  readonly hostNamespace: string | undefined;
  readonly ownWork: OwnWork;
  /** As it is taken to be. */
  readonly underlay: () => Underlay | undefined;
  /** What lines say of networks that are not in namespaces of their own. */
  readonly lanEvents: LineHints;
  /** The network has its devices there, and a table of nftables of its name. */
  readonly isInHostNamespace: (networkId: string) => boolean;
  readonly listener: (hint: KernelHint) => void;
}

export interface LineHints extends Disposable {
  hintsIn(line: string): readonly { readonly networkId: string; readonly isOwn: boolean }[];
  /** Events were lost. */
  forget(): void;
}

/** A line of one, of its link or of an address. */
const ENCRYPTION_DEVICE = new RegExp(`\\d: (${ENCRYPTION_DEVICES.join('|')})[:@ ]`);

/** What `ip` says when the kernel had no room for events: some are lost, and it goes on. */
const LOST = /^netlink receive error/;

export class KernelWatch implements KernelReports {
  readonly #parts: KernelWatchParts;
  readonly #events = new KernelEvents();
  readonly #stop = new AbortController();
  readonly #monitoring: Promise<unknown>;
  readonly #rules: Disposable | undefined;
  /** Of networks' namespaces. */
  readonly #sources: Disposable | undefined;
  #learning: Promise<void> | undefined;
  #isToLearn = false;
  /** A name can go while the namespace lives on: programs of ours stand in it. */
  readonly #names = new NamespaceNames(NAMESPACES, (name) => {
    const networkId = networkIdOf(name);
    if (networkId !== undefined) this.#hintNetwork(networkId);
  });

  constructor(parts: KernelWatchParts) {
    this.#parts = parts;
    const { hostNamespace: host } = parts;
    const inHost = host === undefined ? [] : ['-n', host];
    const monitor = [...inHost, '-d', '-o', 'monitor', 'link', 'address', 'neigh', 'nsid', 'all-nsid'];
    const take = (line: string) => this.#takeEvent(line);
    this.#monitoring = monitorProgram('ip', monitor, this.#stop.signal, take, () => this.#beginAnew());
    this.#rules = watchRules(host, (table) => this.#takeRule(table));
    this.#sources = watchRules(host, (table) => this.#takeSource(table), { isEverywhere: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#names[Symbol.dispose]();
    this.#rules?.[Symbol.dispose]();
    this.#sources?.[Symbol.dispose]();
    this.#parts.lanEvents[Symbol.dispose]();
    this.#stop.abort();
    await this.#monitoring;
    await this.#learning;
  }

  /** As KernelEvents.knows. What is in the host's namespace is always reported, its nftables where the kernel has events of them. */
  isReported(networkId: string): boolean {
    if (this.#parts.isInHostNamespace(networkId)) return this.#rules !== undefined;
    return this.#events.knows(networkId);
  }

  #takeEvent(line: string): void {
    this.#names.ensure();
    if (LOST.test(line)) {
      this.#beginAnew();
      return;
    }
    const underlay = this.#parts.underlay();
    if (underlay && concernsUnderlay(line, underlay)) this.#parts.listener('underlay');
    if (ENCRYPTION_DEVICE.test(line)) this.#parts.listener('encryption');
    const address = addressIn(line);
    if (address !== undefined) this.#parts.listener({ address });
    for (const hint of this.#parts.lanEvents.hintsIn(line)) this.#parts.listener(hint);
    const networkId = this.#events.take(line);
    if (networkId !== undefined) this.#hintNetwork(networkId, line.replace(/^\[[^\]]*\]/, ''));
    else this.#noteNetwork(this.#events.networkOf(line));
  }

  /** Mostly a carrier, as when a container starts; the next sweep looks. */
  #noteNetwork(networkId: string | undefined): void {
    if (networkId !== undefined) this.#parts.listener({ networkId, isOwn: true });
  }

  /** What came before is not, or not all, known. */
  #beginAnew(): void {
    this.#events.forget();
    this.#parts.lanEvents.forget();
    this.#isToLearn = true;
    this.#learning ??= this.#learnNumbers().finally(() => {
      this.#learning = undefined;
    });
    this.#parts.listener('underlay');
    this.#parts.listener('networks');
  }

  /** Undefined: something in any table. */
  #takeRule(table: string | undefined): void {
    const isOfFilter = table === undefined || table === `inet ${TUNNEL_FILTER_TABLE}`;
    if (isOfFilter && !this.#parts.ownWork.isOwn(TUNNEL_FILTER)) this.#parts.listener('tunnel filter');
    const isOfEgress = table === undefined || EGRESS_TABLES.includes(table);
    if (isOfEgress && !this.#parts.ownWork.isOwn(EGRESS)) this.#parts.listener('egress');
    if (table === undefined) this.#parts.listener('networks');
    const networkId = table?.startsWith('netdev ') ? networkIdOf(table.slice('netdev '.length)) : undefined;
    if (networkId !== undefined) this.#hintNetwork(networkId);
  }

  /** A container may have a table of such a name in its own namespace: it makes for a look that finds nothing. */
  #takeSource(table: string | undefined): void {
    const networkId = table?.startsWith('netdev ') && networkIdOfSources(table.slice('netdev '.length));
    if (networkId) this.#hintNetwork(networkId);
  }

  #hintNetwork(networkId: string, event?: string): void {
    const isOwn = this.#parts.ownWork.isOwn(namespaceName(networkId), event);
    this.#parts.listener({ networkId, isOwn });
  }

  /** Of namespaces that were there before us, or came with an event that was lost; the monitor reports those that come. */
  async #learnNumbers(): Promise<void> {
    this.#names.ensure();
    while (this.#isToLearn && !this.#stop.signal.aborted) {
      this.#isToLearn = false;
      const list = this.#parts.iproute2.show(['netns', 'list-id'], numbersSchema);
      const numbers = await list.catch(() => []);
      for (const { nsid, name } of numbers) if (name !== undefined) this.#events.note(String(nsid), name);
    }
  }
}

/** Undefined where the kernel has no such events: rules are looked at again and again all the same. */
function watchRules(
  hostNamespace: string | undefined,
  onChange: (table: string | undefined) => void,
  options: NftEventsOptions = {},
): Disposable | undefined {
  try {
    const path = hostNamespace === undefined ? undefined : namespacePath(hostNamespace);
    return new NftEvents(path, onChange, options);
  } catch {
    return undefined;
  }
}

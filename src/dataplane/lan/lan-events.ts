/** What the kernel's monitor says of networks on LANs, by lines as KernelEvents has them. */
import { NftEvents } from '../../native/netfilter/nft-events.js';
import { RouteEvents } from '../../native/netlink/route-events.js';
import type { OwnWork } from '../iproute2/own-work.js';
import { GUARD_TABLE } from './host/host-guard.js';
import { LAN_WORK, type Lans } from './lans.js';
import { childIdsOf } from './names.js';

export interface LanHint {
  readonly networkId: string;
  readonly isOwn: boolean;
}

export interface LanEventsParts {
  readonly lans: Pick<Lans, 'networksOn' | 'networksWith' | 'hasHostInterface'>;
  readonly ownWork: Pick<OwnWork, 'isOwn'>;
  /** File of the host's namespace; undefined: that of this process. */
  readonly hostPath: string | undefined;
  /** For what no line reports: routes, and the firewall. */
  readonly listener: (hint: LanHint) => void;
}

export class LanEvents implements Disposable {
  /** Interface of the host -> its state, as last reported. */
  readonly #states = new Map<string, string>();

  readonly #ofHost: Disposable[] = [];

  constructor(private readonly parts: LanEventsParts) {}

  [Symbol.dispose](): void {
    for (const events of this.#ofHost) events[Symbol.dispose]();
  }

  hintsIn(line: string): LanHint[] {
    this.#followHost();
    const ofChild = networkOfDeletedChild(line);
    if (ofChild !== undefined) return [{ networkId: ofChild, isOwn: false }];
    const [, name, text = ''] = /^\[nsid current\](?:Deleted )?\d+: ([^\s@:]+)(.*)$/.exec(line) ?? [];
    const networkIds = name === undefined ? [] : this.parts.lans.networksOn(name);
    if (name === undefined || networkIds.length === 0) return [];
    if (!this.#isNews(name, text, line.startsWith('[nsid current]Deleted '))) return [];
    const isOwn = this.parts.ownWork.isOwn(LAN_WORK);
    return networkIds.map((networkId) => ({ networkId, isOwn }));
  }

  /** Events were lost. */
  forget(): void {
    this.#states.clear();
  }

  /** Only where the host has interfaces of its own on LANs: other programs may alter much. */
  #followHost(): void {
    const { lans, ownWork, hostPath, listener } = this.parts;
    if (this.#ofHost.length > 0 || !lans.hasHostInterface) return;
    const take = (hostInterface?: number) => {
      const isOwn = ownWork.isOwn(LAN_WORK);
      for (const networkId of lans.networksWith(hostInterface)) listener({ networkId, isOwn });
    };
    for (const follow of [
      () => new RouteEvents(hostPath, take),
      () =>
        new NftEvents(hostPath, (table) =>
          table === undefined || table === GUARD_TABLE ? take() : undefined,
        ),
    ]) {
      try {
        this.#ofHost.push(follow());
      } catch {
        // The sweep looks at all, too.
      }
    }
  }

  #isNews(name: string, text: string, isDeleted: boolean): boolean {
    // An address that came or went.
    if (/^\s+inet/.test(text)) return true;
    if (!text.includes(' qdisc ')) return false;
    const state = isDeleted ? '' : stateOf(text);
    const isNews = this.#states.get(name) !== state;
    this.#states.set(name, state);
    return isNews;
  }
}

/** The network whose child somebody has deleted; undefined also when it was only moved to another namespace. Pure. */
export function networkOfDeletedChild(line: string): string | undefined {
  if (!/^\[nsid \w+\]Deleted \d+: /.test(line) || / new-(netns|netnsid|nsid) /.test(line)) return undefined;
  return childIdsOf(/ alias (xnet:\S+)/.exec(line)?.[1])?.networkId;
}

/** What a repair looks at; the carrier is not its affair. */
function stateOf(text: string): string {
  const isUp = /<[^>]*\bUP\b/.test(text.replace('LOWER_UP', ''));
  const words = [...text.matchAll(/ (mtu|master) (\S+)/g)].map(([word]) => word);
  return [isUp, ...words].join('');
}

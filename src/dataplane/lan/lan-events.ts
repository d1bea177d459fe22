/** What the kernel's monitor says of networks on LANs, by lines as KernelEvents has them. */
import type { OwnWork } from '../iproute2/own-work.js';
import { LAN_WORK, type Lans } from './lans.js';
import { childIdsOf } from './names.js';

export interface LanHint {
  readonly networkId: string;
  readonly isOwn: boolean;
}

export class LanEvents {
  /** Interface of the host -> its state, as last reported. */
  readonly #states = new Map<string, string>();

  constructor(
    private readonly lans: Pick<Lans, 'networksOn'>,
    private readonly ownWork: Pick<OwnWork, 'isOwn'>,
  ) {}

  hintsIn(line: string): LanHint[] {
    const ofChild = networkOfDeletedChild(line);
    if (ofChild !== undefined) return [{ networkId: ofChild, isOwn: false }];
    const [, name, text = ''] = /^\[nsid current\](?:Deleted )?\d+: ([^\s@:]+)(.*)$/.exec(line) ?? [];
    const networkIds = name === undefined ? [] : this.lans.networksOn(name);
    if (name === undefined || networkIds.length === 0) return [];
    if (!this.#isNews(name, text, line.startsWith('[nsid current]Deleted '))) return [];
    const isOwn = this.ownWork.isOwn(LAN_WORK);
    return networkIds.map((networkId) => ({ networkId, isOwn }));
  }

  /** Events were lost. */
  forget(): void {
    this.#states.clear();
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

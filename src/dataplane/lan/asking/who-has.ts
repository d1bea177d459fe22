import { listAddresses } from '../../../native/netlink/addresses.js';
import type { LanAnswers } from '../../lan-reading.js';
import type { LanSpec } from '../../modes.js';
import { readParent } from '../parent/read-parent.js';
import { askLan } from './ask-lan.js';

export interface WhoHas {
  readonly mode: LanSpec;
  readonly addresses: readonly string[];
  readonly waitMs: number;
  /** Of the host's namespace; undefined: this process's own. */
  readonly path: string | undefined;
}

/** As LanReading.whoHas. */
export async function whoHas({ mode, addresses, waitMs, path }: WhoHas): Promise<LanAnswers | undefined> {
  const parent = await readParent(mode, path);
  if (!parent?.isUp || !parent.hasCarrier || !parent.isMade || parent.mac === '') return undefined;
  const { interface: name, mac } = parent;
  const own = new Set((await listAddresses(path)).map(({ address }) => address));
  const others = addresses.filter((address) => !own.has(address));
  const question = { namespacePath: path, interface: name, mac, addresses: others, waitMs };
  const answered = others.length > 0 ? await askLan(question) : new Map<string, string>();
  const ofHost = addresses.filter((address) => own.has(address)).map((address) => [address, mac] as const);
  return { interface: name, devices: new Map([...answered, ...ofHost]) };
}

import { listAddresses } from '../../../native/netlink/addresses.js';
import type { LanAnswers, LanNetwork } from '../../lan-reading.js';
import { readParent } from '../parent/read-parent.js';
import { askLan } from './ask-lan.js';
import { listBeside } from './list-beside.js';

export interface WhoHas {
  readonly network: LanNetwork;
  readonly addresses: readonly string[];
  readonly waitMs: number;
  /** Of the host's namespace; undefined: this process's own. */
  readonly path: string | undefined;
  /** As Lans.isElsewhere. */
  readonly isElsewhere: (networkId: string, interfaceName: string) => boolean;
}

/** As LanReading.whoHas. */
export async function whoHas(wanted: WhoHas): Promise<LanAnswers | undefined> {
  const { network, addresses, waitMs, path } = wanted;
  const parent = await readParent(network.mode, path);
  if (!parent?.isUp || !parent.hasCarrier || !parent.isMade || parent.mac === '') return undefined;
  const { interface: name, mac } = parent;
  const own = new Set((await listAddresses(path)).map(({ address }) => address));
  const others = addresses.filter((address) => !own.has(address));
  const question = { namespacePath: path, interface: name, mac, addresses: others, waitMs };
  const isOther = (id: string) => id !== network.id && !wanted.isElsewhere(id, name);
  const [answered, beside] = await Promise.all([
    others.length > 0 ? askLan(question) : new Map<string, string>(),
    listBeside(path, name, isOther),
  ]);
  const ofHost = addresses.flatMap((address): [string, string][] => {
    const found = own.has(address) ? mac : beside.get(address);
    return found === undefined ? [] : [[address, found]];
  });
  return { interface: name, devices: new Map([...answered, ...ofHost]) };
}

import { listAddressesOf, type NumberedInterface } from '../../../native/netlink/addresses.js';
import { type ListedLink, linkMac, listLinks, listLinksOf } from '../../../native/netlink/links.js';
import { listNumbers } from '../../../native/netlink/numbered-namespaces.js';
import { childIdsOf } from '../names.js';
import { isChild } from '../parent/find-parent.js';

interface Beside extends NumberedInterface {
  readonly mac: string;
}

/**
 * Addresses of containers of this host that are on the interface, too, with their MACs: of other networks of xnet's, of Docker's own
 * macvlan and ipvlan, of anybody. They get none of the host's questions, since the kernel gives no frame of an interface to what is
 * on it. `isOther`: whether a network of xnet's counts. `path`: of the host's namespace. Throws KERNEL.
 */
export async function listBeside(
  path: string | undefined,
  interfaceName: string,
  isOther: (networkId: string) => boolean,
): Promise<ReadonlyMap<string, string>> {
  const [links, numbers] = await Promise.all([listLinks(path), listNumbers(path)]);
  const parent = links.find(({ ifname }) => ifname === interfaceName);
  const isBeside = (link: ListedLink): boolean => {
    const networkId = childIdsOf(link.ifalias)?.networkId;
    const isOn = isChild(link) && link.link_netnsid !== undefined && link.link_index === parent?.index;
    return isOn && (networkId === undefined || isOther(networkId));
  };
  const found = (await listLinksOf(path, numbers)).flatMap((inside, at) =>
    inside.filter(isBeside).map(
      (link): Beside => ({
        ...{ namespace: numbers[at] ?? 0, index: link.index, mac: linkMac(link) ?? '' },
      }),
    ),
  );
  if (found.length === 0) return new Map();
  const addresses = await listAddressesOf(path, found);
  return new Map(
    found.flatMap(({ mac }, at) => (addresses[at] ?? []).map(({ address }) => [address, mac] as const)),
  );
}

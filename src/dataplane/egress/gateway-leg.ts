import { open } from 'node:fs/promises';
import { XnetError } from '../../errors.js';
import { listAddresses } from '../../native/netlink/addresses.js';
import type { ListedLink } from '../../native/netlink/links.js';
import { numberOf } from '../../native/netlink/numbered-namespaces.js';
import type { GatewayLeg } from './egress-rules.js';

/** Of the link: they lead nowhere else. */
const LINK_LOCAL = /^fe[89ab]/;

/** As the container's namespace has it now, which a container with NET_ADMIN may have altered. */
export interface FoundLeg extends GatewayLeg {
  /** Both ends are up: Docker has given the container's end its addresses. */
  readonly isUp: boolean;
}

/**
 * The interface by which the container in the sandbox goes out: found from the host, by which of the bridge's ports leads into the
 * sandbox, whatever the container makes of its own end. `links`: of the host, whose namespace is at `hostPath`. `bridge`: undefined
 * for any. Undefined: it has none. Throws NOT_FOUND when the sandbox is gone.
 */
export async function findLeg(
  sandboxPath: string,
  links: readonly ListedLink[],
  bridge: string | undefined,
  hostPath: string | undefined,
): Promise<FoundLeg | undefined> {
  const addresses = await listAddresses(sandboxPath);
  const ports = links.filter(({ master }) => master !== undefined && master === (bridge ?? master));
  if (ports.length === 0) return undefined;
  const number = await numberOfSandbox(sandboxPath, hostPath);
  const port = ports.find(({ link_netnsid }) => number !== undefined && link_netnsid === number);
  if (!port) return undefined;
  const own = addresses.filter(
    (each) => each.interface === port.link_index && !LINK_LOCAL.test(each.address),
  );
  return {
    port: port.ifname,
    addresses: own.map(({ address }) => address).sort(),
    isUp: port.flags.includes('LOWER_UP'),
  };
}

async function numberOfSandbox(path: string, hostPath: string | undefined): Promise<number | undefined> {
  const file = await open(path).catch((error: unknown) => {
    throw new XnetError('NOT_FOUND', `the sandbox ${path} is gone`, { path }, { cause: error });
  });
  try {
    return numberOf(hostPath, file.fd);
  } finally {
    await file.close();
  }
}

import { open } from 'node:fs/promises';
import { XnetError } from '../../errors.js';
import { listAddresses } from '../../native/netlink/addresses.js';
import { listLinks } from '../../native/netlink/links.js';
import { numberOf } from '../../native/netlink/numbered-namespaces.js';
import type { GatewayLeg } from './egress-rules.js';

/** Of the link: they lead nowhere else. */
const LINK_LOCAL = /^fe[89ab]/;

/**
 * The interface by which the container in the sandbox goes out: found from the host, by which of the bridge's ports leads into the
 * sandbox, whatever the container makes of its own end. Undefined: it has none. Throws NOT_FOUND when the sandbox is gone.
 */
export async function findLeg(
  sandboxPath: string,
  bridge: string,
  hostPath: string | undefined,
): Promise<GatewayLeg | undefined> {
  const [links, addresses] = await Promise.all([listLinks(hostPath), listAddresses(sandboxPath)]);
  const ports = links.filter(({ master }) => master === bridge);
  if (ports.length === 0) return undefined;
  const number = await numberOfSandbox(sandboxPath, hostPath);
  const port = ports.find(({ link_netnsid }) => number !== undefined && link_netnsid === number);
  if (!port) return undefined;
  const own = addresses.filter(
    (each) => each.interface === port.link_index && !LINK_LOCAL.test(each.address),
  );
  return { port: port.ifname, addresses: own.map(({ address }) => address).sort() };
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

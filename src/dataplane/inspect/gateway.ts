import { readFile } from 'node:fs/promises';
import { isXnetError } from '../../errors.js';
import { readSaved } from '../firewalls/saved-rules.js';
import { findTranslation } from '../firewalls/translation.js';
import type { GatewayFacts } from '../inspection.js';
import { type Namespace, readInterfaces, readText, readWay } from '../iproute2/read-namespace.js';

/** As Inspection.gateway, of the host in `namespace`. */
export async function inspectGateway(
  namespace: Namespace,
  source: string,
  destination: string,
): Promise<GatewayFacts> {
  const isIpv6 = source.includes(':');
  const interfaces = await readInterfaces(namespace);
  const [way, forwards, ...rules] = await Promise.all([
    readWay(namespace, destination, interfaces),
    readFile(`/proc/sys/net/${isIpv6 ? 'ipv6/conf/all/forwarding' : 'ipv4/ip_forward'}`, 'utf8'),
    readSaved(namespace, isIpv6 ? 'ip6tables-legacy' : 'iptables-legacy'),
    orNothing(readText(namespace, ['nft', 'list', 'ruleset'])),
  ]);
  const masquerade = findTranslation(rules.join('\n'), source);
  return {
    ...{ interfaces, way, forwards: forwards.trim() === '1' },
    ...(masquerade !== undefined && { masquerade }),
  };
}

async function orNothing(text: Promise<string>): Promise<string> {
  return text.catch((error: unknown) => {
    if (isXnetError(error, 'KERNEL', 'UNSUPPORTED')) return '';
    throw error;
  });
}

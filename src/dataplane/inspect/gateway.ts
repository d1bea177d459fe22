import { readFile } from 'node:fs/promises';
import { isXnetError } from '../../errors.js';
import { IpAddress } from '../../inet/ip-address.js';
import { Prefix } from '../../inet/prefix.js';
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
  const programs = isIpv6 ? ['ip6tables-nft', 'ip6tables-legacy'] : ['iptables-nft', 'iptables-legacy'];
  const [way, forwards, ...rules] = await Promise.all([
    readWay(namespace, destination, interfaces),
    readFile(`/proc/sys/net/${isIpv6 ? 'ipv6/conf/all/forwarding' : 'ipv4/ip_forward'}`, 'utf8'),
    ...programs.map((program) => orNothing(readText(namespace, [`${program}-save`, '-t', 'nat']))),
    orNothing(readText(namespace, ['nft', 'list', 'ruleset'])),
  ]);
  const masquerade = findMasquerade(rules.join('\n'), IpAddress.parse(source));
  return {
    ...{ interfaces, way, forwards: forwards.trim() === '1' },
    ...(masquerade !== undefined && { masquerade }),
  };
}

/** The first line that masquerades or translates the source of packets from a prefix with the address. */
export function findMasquerade(text: string, source: IpAddress): string | undefined {
  return text
    .split('\n')
    .find((line) => {
      if (!/masquerade|snat/i.test(line)) return false;
      const prefix = /(?:-s|saddr) ([\da-f.:]+\/\d+)/i.exec(line)?.[1];
      if (prefix === undefined)
        return !/ ! -s | saddr != /.test(line) && /^\s*(-A POSTROUTING|oifname)/.test(line);
      const subnet = Prefix.parse(prefix);
      return subnet.family === source.family && subnet.contains(source);
    })
    ?.trim();
}

async function orNothing(text: Promise<string>): Promise<string> {
  return text.catch((error: unknown) => {
    if (isXnetError(error, 'KERNEL', 'UNSUPPORTED')) return '';
    throw error;
  });
}

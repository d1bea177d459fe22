import { listElements } from '../../native/netfilter/set-elements.js';
import { ipText } from '../../native/netlink/texts.js';
import { readElement } from './egress-elements.js';
import { EGRESS_TABLE, FAMILIES, REFUSED_SECONDS, sets } from './egress-layout.js';
import type { RefusedPackets } from './egress-rules.js';

/** Linux's numbers, in the words of /etc/protocols. */
const PROTOCOLS: Readonly<Record<number, string>> = {
  ...{ 1: 'icmp', 2: 'igmp', 6: 'tcp', 17: 'udp', 47: 'gre', 50: 'esp', 58: 'icmpv6', 132: 'sctp' },
};

/** As EgressRules.refused. `hostPath`: of the host's namespace. None where there are no rules. */
export function readRefused(
  hostPath: string | undefined,
  addresses: readonly string[],
): readonly RefusedPackets[] {
  const all = FAMILIES.flatMap((family) =>
    (['refused', 'others'] as const).flatMap((name) => {
      const set = { family: 'inet', table: EGRESS_TABLE, set: sets(family)[name] } as const;
      return listElements(hostPath, set).map((listed) => {
        const [source, destination, protocol, port] = readElement(name, family, listed).parts;
        const number = protocol?.first.readUInt8() ?? 0;
        return {
          source: ipText(source?.first ?? Buffer.alloc(4)),
          destination: ipText(destination?.first ?? Buffer.alloc(4)),
          protocol: PROTOCOLS[number] ?? `${number}`,
          ...(port && { port: port.first.readUInt16BE() }),
          packets: listed.packets ?? 0,
          secondsAgo: Math.round(REFUSED_SECONDS - (listed.expiresMs ?? 0) / 1000),
        };
      });
    }),
  );
  return all
    .filter(({ source }) => addresses.includes(source))
    .sort((one, other) => other.secondsAgo - one.secondsAgo);
}

import type { Answer } from '../../admin/operations.js';
import { EGRESS_LABEL } from '../../agent/egress/egress-label.js';
import type { Host } from '../host.js';

/** What a container of this host was refused outside, names and packets. Throws NOT_FOUND where it is not closed, or not here. */
export function egressLog({ egressGuard }: Pick<Host, 'egressGuard'>, wanted: string): Answer<'egressLog'> {
  const { container, names, packets } = egressGuard.log(wanted);
  const now = Date.now();
  const ofNames = names.map(({ name, why, count, at }) => {
    return { kind: 'name' as const, target: name, why, count, at };
  });
  const ofPackets = packets.map(({ destination, protocol, port, packets: count, secondsAgo }) => ({
    ...{ kind: 'packets' as const, target: destination, protocol, count },
    ...(port !== undefined && { port }),
    at: new Date(now - secondsAgo * 1000).toISOString(),
  }));
  const items = [...ofNames, ...ofPackets].sort((one, other) => (one.at < other.at ? -1 : 1));
  const allow = container.labels[EGRESS_LABEL];
  return { container: container.name, ...(allow !== undefined && { allow }), items };
}

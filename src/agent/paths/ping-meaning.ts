/** What the figures of `xnet ping` mean, and what to do. Pure. */
import type { PingResult } from './ping.js';

/** A way, and the largest packet that shall pass on it. */
export interface PingedWay {
  /** Undefined: nothing could be sent. */
  readonly result: PingResult | undefined;
  readonly needed: number;
  /** Why nothing could be sent. */
  readonly problem?: string;
}

export interface PingedHost {
  /** Its name. */
  readonly host: string;
  readonly vxlanPort: number;
  /** It has an end of the path, which answers. */
  readonly isMeasuring: boolean;
  /** Why no more than `largest` passes through the tunnel, and what mends it. */
  readonly narrow: (largest: number) => string;
}

export function pingMeaning(
  { host, vxlanPort, isMeasuring, narrow }: PingedHost,
  { tunnel, underlay }: { readonly tunnel: PingedWay; readonly underlay: PingedWay },
): string {
  if (!tunnel.result) return `nothing was sent through the tunnel: ${tunnel.problem}`;
  const answers = tunnel.result.roundTripsMs.length;
  if (answers === 0 && tunnel.result.largest === undefined && !isMeasuring)
    return `nothing can be said of the tunnel: ${host} has no end of the path, since its xnet is older, is still starting, or cannot make one; see \`xnet status\` there`;
  if (answers === 0 && tunnel.result.largest === undefined)
    return isAnswered(underlay)
      ? `${host} answers on the underlay and not through the tunnel: let UDP port ${vxlanPort} pass both ways; \`xnet doctor --all\` names a firewall's rule that drops it`
      : `${host} answers neither through the tunnel nor on the underlay: it is down, or the underlay between leads nowhere`;
  const { sent, largest = 0 } = tunnel.result;
  if (largest < tunnel.needed) return narrow(largest);
  if (answers < sent)
    return `${sent - answers} of ${sent} packets were lost: ${isWhole(underlay) ? `none of them on the underlay, so ${host} or a firewall limits UDP port ${vxlanPort}` : 'the underlay loses packets, too'}`;
  return isAnswered(underlay)
    ? `packets of containers pass to ${host} and back, as large as they are`
    : `packets of containers pass to ${host} and back, as large as they are; on the underlay ${host} does not answer pings (ICMP), which a firewall may drop`;
}

function isAnswered({ result }: PingedWay): boolean {
  return result !== undefined && result.roundTripsMs.length > 0;
}

function isWhole({ result }: PingedWay): boolean {
  return result !== undefined && result.roundTripsMs.length === result.sent;
}

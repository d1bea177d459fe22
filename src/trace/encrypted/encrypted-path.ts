/** The path of encrypted networks: that of an overlay, whose tunnel goes by the WireGuard devices of both hosts. Pure. */
import type { Path } from '../path-parts.js';
import { fault, type Hop, type Judge, judgeFound, ok, restartOf } from '../trace.js';

/** Longer than an answer takes: WireGuard asks again after 5 s. */
const UNANSWERED_SECONDS = 10;

/** Behind each look at the way to the other host one at its keys. On the underlay the probe is not to be seen. */
export function encryptedPath({ hops, points }: Path): Path {
  return {
    hops: hops.flatMap((hop): Hop[] =>
      hop.name === 'underlay' ? [hop, { ...hop, name: 'encryption', judge: judgeEncryption }] : [hop],
    ),
    points: points.filter(({ place }) => place !== 'underlay'),
  };
}

export const judgeEncryption: Judge = (here, there) =>
  judgeFound(here, 'encryption', `packets to ${there.host.name} are encrypted`, (facts) => {
    const expected = `packets to ${there.host.name} are encrypted`;
    const { problem, device, endpoint, port, handshakeSeconds, unansweredSeconds = 0 } = facts;
    if (problem !== undefined) return fault(expected, problem, 'mend that; xnet tries again every 2 s');
    if (device === undefined) return fault(expected, 'there is no WireGuard device', restartOf(here));
    if (endpoint === undefined)
      return fault(expected, `${device} has no key of ${there.host.name}`, restartOf(here));
    const to = `by ${device} to ${endpoint}`;
    const last =
      handshakeSeconds === undefined ? 'no handshake yet' : `last handshake ${handshakeSeconds} s ago`;
    if (unansweredSeconds >= UNANSWERED_SECONDS)
      return fault(
        expected,
        `${to}, ${last}, and packets were sent for ${unansweredSeconds} s`,
        `let UDP port ${port} pass between ${here.host.name} and ${there.host.name}, both ways: xnet doctor on both says what drops it`,
      );
    return ok(expected, `${to}, ${last}`);
  });

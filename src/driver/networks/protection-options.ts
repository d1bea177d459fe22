/** The options of `docker network create -o` that protect a network, or lift a protection. Pure. */
import { XnetError } from '../../errors.js';
import type { Protection } from '../../model/protection.js';

/** As NETWORK_OPTIONS. */
export const PROTECTION_OPTIONS = {
  'xnet.spoof':
    'of an overlay: deny (default) or allow: containers may send from any MAC and address, as routers and VRRP do',
} as const;

type Texts = (option: keyof typeof PROTECTION_OPTIONS | 'xnet.mode') => string | undefined;

/** Undefined: nothing was asked for. Throws INVALID naming option, value and rule. */
export function parseProtection(text: Texts): Protection | undefined {
  const asked: Protection = { ...parseSpoof(text) };
  return Object.keys(asked).length > 0 ? asked : undefined;
}

function parseSpoof(text: Texts): Pick<Protection, 'spoof'> {
  const [spoof, mode = 'overlay'] = [text('xnet.spoof'), text('xnet.mode')];
  if (spoof === undefined || (spoof === 'deny' && mode === 'overlay')) return {};
  if (spoof !== 'allow' && spoof !== 'deny')
    throw new XnetError('INVALID', `option xnet.spoof=${spoof} must be deny or allow`);
  if (mode === 'overlay') return { spoof: 'allow' };
  const reason =
    mode === 'routed'
      ? 'a routed network sends packets on by the addresses of its containers alone'
      : 'xnet checks no sources on a LAN';
  throw new XnetError(
    'INVALID',
    `option -o xnet.spoof=${spoof} is of networks with xnet.mode=overlay, and this one is ${mode}: ${reason}; leave it out`,
  );
}

/** The options of `docker network create -o` that protect a network, or lift a protection. Pure. */
import { XnetError } from '../../errors.js';
import type { Mode } from '../../model/mode.js';
import type { Protection } from '../../model/protection.js';

/** As NETWORK_OPTIONS. */
export const PROTECTION_OPTIONS = {
  'xnet.encrypt':
    'of an overlay: on or off: what goes between hosts is encrypted; default: off, or on where `encryptAll` is; `encrypted` means the same',
  encrypted: 'as xnet.encrypt=on',
  'xnet.spoof':
    'of an overlay: deny (default) or allow: containers may send from any MAC and address, as routers and VRRP do',
  'xnet.isolate':
    'of an overlay: on or off (default): containers reach only those with the label xnet.gateway=true',
  'xnet.egress':
    'allow (default) or deny: containers reach outside only what their label xnet.egress.allow names',
} as const;

type Option = keyof typeof PROTECTION_OPTIONS;
type Texts = (option: Option) => string | undefined;
type OtherKind = Exclude<Mode['kind'], 'overlay'>;

const LAN_ENCRYPTS = 'puts containers on a LAN, where devices without xnet have to read their packets';
const LAN_ISOLATES = 'puts containers on a LAN, where frames between them pass by no host';
const LAN_LEAVES =
  'puts containers on a LAN, to which they send past their host; --internal keeps them apart from the outside';
const LAN_SPOOFS = 'puts containers on a LAN, where xnet checks no sources';
/** What networks of a mode cannot have, and what the mode does instead. */
const REFUSED: Readonly<Record<keyof Protection, Partial<Record<OtherKind, string>>>> = {
  encrypt: {
    routed: 'sends packets of containers as they are, to hosts on the segment and to others',
    macvlan: LAN_ENCRYPTS,
    ipvlan: LAN_ENCRYPTS,
  },
  spoof: {
    routed: 'sends packets on by the addresses of its containers alone',
    macvlan: LAN_SPOOFS,
    ipvlan: LAN_SPOOFS,
  },
  isolate: { routed: 'cannot be isolated so far', macvlan: LAN_ISOLATES, ipvlan: LAN_ISOLATES },
  egress: { macvlan: LAN_LEAVES, ipvlan: LAN_LEAVES },
};

/** Undefined: nothing was asked for. Throws INVALID naming option, value and rule. */
export function parseProtection(text: Texts): Protection | undefined {
  const asked: Protection = {
    ...(parseEncrypt(text) && { encrypt: true as const }),
    ...(choose(text, 'xnet.spoof', ['deny'], ['allow']) && { spoof: 'allow' as const }),
    ...(choose(text, 'xnet.isolate', ['off'], ['on']) && { isolate: true as const }),
    ...(choose(text, 'xnet.egress', ['allow'], ['deny']) && { egress: 'deny' as const }),
  };
  return Object.keys(asked).length > 0 ? asked : undefined;
}

/** Docker's own option may have no value, or one of Go's for true and false. Undefined: nothing was asked for. Throws as `parseProtection`. */
export function parseEncrypt(text: Texts): boolean | undefined {
  const ours = choose(text, 'xnet.encrypt', ['off'], ['on']);
  const dockers = choose(text, 'encrypted', ['false', '0', 'off'], ['true', '', '1', 'on']);
  if (ours === undefined || dockers === undefined || ours === dockers) return ours ?? dockers;
  const both = `-o encrypted=${text('encrypted')} or -o xnet.encrypt=${text('xnet.encrypt')}`;
  throw new XnetError('INVALID', `give ${both}, not both`);
}

/** Throws INVALID for a protection that networks of this mode cannot have; that of sources also where it is asked for in so many words. */
export function checkProtectable(text: Texts, kind: Mode['kind'] = 'overlay'): void {
  if (kind === 'overlay') return;
  const isSpoofGiven = text('xnet.spoof') !== undefined;
  const asked = Object.keys({ ...parseProtection(text), ...(isSpoofGiven && { spoof: true }) });
  for (const key of asked as (keyof Protection)[]) {
    const reason = REFUSED[key][kind];
    if (reason === undefined) continue;
    throw new XnetError(
      'INVALID',
      `option -o xnet.${key}=${text(`xnet.${key}`) ?? 'on'} does not go with xnet.mode=${kind}, which ${reason}: leave it out, or create an overlay (leave xnet.mode out)`,
    );
  }
}

/** Whether a network that is created with these options is encrypted; `encryptAll`: where none of them says so. */
export function encrypts(
  {
    protection,
    unencrypted,
    mode,
  }: { readonly protection?: Protection; readonly unencrypted?: true; readonly mode?: Mode },
  encryptAll: boolean,
): boolean {
  if (protection?.encrypt) return true;
  return encryptAll && !unencrypted && (mode?.kind ?? 'overlay') === 'overlay';
}

/** True for one of `others`, false for one of `defaults`; undefined: it was not given. The first ones are named in the error. */
function choose(
  text: Texts,
  option: Option,
  defaults: readonly string[],
  others: readonly string[],
): boolean | undefined {
  const value = text(option);
  if (value === undefined) return undefined;
  if (others.includes(value)) return true;
  if (defaults.includes(value)) return false;
  throw new XnetError('INVALID', `option -o ${option}=${value} must be ${others[0]} or ${defaults[0]}`);
}

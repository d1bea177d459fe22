/** The options of `docker network create -o` that choose the mode of a network, and those that belong to one. Pure. */
import { XnetError } from '../../errors.js';
import type { LanMode, Mode } from '../../model/mode.js';

/** As NETWORK_OPTIONS. */
export const MODE_OPTIONS = {
  'xnet.mode': 'overlay (default), macvlan, ipvlan or routed',
  'xnet.attach': 'of an overlay: veth, the default and so far the only one',
  'xnet.parent':
    'of macvlan and ipvlan: the interface that leads to the LAN, or its name in `parents`; `parent` means the same',
  'xnet.vlan': 'of macvlan and ipvlan: 802.1q identifier, 1 to 4094',
  'xnet.host': 'of macvlan and ipvlan: on or off (default): each host and its containers reach each other',
  parent: 'as xnet.parent; INTERFACE.N means VLAN N',
  macvlan_mode: 'of macvlan: bridge (default), private, vepa or passthru',
  ipvlan_mode: 'of ipvlan: l2 (default), l3 or l3s',
  ipvlan_flag: 'of ipvlan: bridge (default), private or vepa',
} as const;

/** Options that are not only of modes, but mean nothing in some. */
type TunnelOption = 'xnet.vni' | 'xnet.multicast';
type Option = keyof typeof MODE_OPTIONS | TunnelOption;
type Texts = (option: Option) => string | undefined;

const OF_LAN = ['xnet.parent', 'parent', 'xnet.vlan', 'xnet.host'] as const;
/** Mode -> the options that it has. */
const OPTIONS_OF: Readonly<Record<Mode['kind'], readonly Option[]>> = {
  overlay: ['xnet.attach', 'xnet.vni', 'xnet.multicast'],
  macvlan: [...OF_LAN, 'macvlan_mode'],
  ipvlan: [...OF_LAN, 'ipvlan_mode', 'ipvlan_flag'],
  routed: ['xnet.vni', 'xnet.multicast'],
};
const ALL_OPTIONS = [...Object.keys(MODE_OPTIONS), 'xnet.vni', 'xnet.multicast'] as Option[];
const KINDS = Object.keys(OPTIONS_OF) as Mode['kind'][];

/** At most 15 characters: Linux's IFNAMSIZ, less the zero at the end. */
const PARENT = /^[A-Za-z0-9_:@-][A-Za-z0-9_.:@-]{0,14}$/;

/** Undefined: nothing was asked for. Throws INVALID naming option, value, rule and remedy. */
export function parseMode(text: Texts): Mode | undefined {
  const asked = text('xnet.mode');
  const kind = asked === undefined ? 'overlay' : oneOf('xnet.mode', asked, KINDS);
  refuseOfOthers(kind, text);
  switch (kind) {
    case 'overlay': {
      const attach = text('xnet.attach');
      if (asked === undefined && attach === undefined) return undefined;
      checkAttachment(attach);
      return { kind };
    }
    case 'macvlan': {
      const submode = choose('macvlan_mode', text('macvlan_mode'), ['bridge', 'private', 'vepa', 'passthru']);
      return { kind, ...lanOf(text), submode };
    }
    case 'ipvlan': {
      const submode = choose('ipvlan_mode', text('ipvlan_mode'), ['l2', 'l3', 'l3s']);
      return {
        kind,
        ...lanOf(text),
        submode,
        flag: choose('ipvlan_flag', text('ipvlan_flag'), ['bridge', 'private', 'vepa']),
      };
    }
    case 'routed':
      return { kind };
  }
}

function checkAttachment(attach: string | undefined): void {
  if (attach === undefined || attach === 'veth') return;
  const macvlan =
    'ARP, and packets to destinations that are gone, would go from a macvlan child of the VXLAN device to every host of the network';
  const reason = attach === 'macvlan' ? ` (${macvlan}: decision 39)` : '';
  throw invalid('xnet.attach', attach, `be veth${reason}; leave it out`);
}

function refuseOfOthers(kind: Mode['kind'], text: Texts): void {
  const other = ALL_OPTIONS.find(
    (option) => option !== 'xnet.mode' && text(option) !== undefined && !OPTIONS_OF[kind].includes(option),
  );
  if (other === undefined) return;
  const kinds = KINDS.filter((each) => OPTIONS_OF[each].includes(other));
  const remedy = `add -o xnet.mode=${kinds.join(' or -o xnet.mode=')}, or leave -o ${other} out`;
  throw new XnetError(
    'INVALID',
    `option -o ${other}=${text(other)} is of networks with xnet.mode=${kinds.join(' or ')}, and this one is ${kind}: ${remedy}`,
  );
}

/** Without gateways, which are no options. */
function lanOf(text: Texts): Pick<LanMode, 'parent' | 'vlan' | 'host' | 'gateways'> {
  const { parent, vlan } = parentOf(text);
  const host = choose('xnet.host', text('xnet.host'), ['off', 'on']) === 'on';
  return {
    ...(parent !== undefined && { parent }),
    ...(vlan !== undefined && { vlan }),
    ...(host && { host: true as const }),
    gateways: [],
  };
}

function parentOf(text: Texts): { parent?: string; vlan?: number } {
  const [ours, dockers] = [text('xnet.parent'), text('parent')];
  if (ours !== undefined && dockers !== undefined && ours !== dockers) {
    throw new XnetError('INVALID', `give -o parent=${dockers} or -o xnet.parent=${ours}, not both`);
  }
  const option = ours === undefined ? 'parent' : 'xnet.parent';
  const given = ours ?? dockers;
  const asked = vlanOf('xnet.vlan', text('xnet.vlan'));
  if (given === undefined) {
    if (asked === undefined) return {};
    throw new XnetError(
      'INVALID',
      `option -o xnet.vlan=${asked} needs the interface of the VLAN: add -o parent=INTERFACE`,
    );
  }
  if (!PARENT.test(given)) throw invalid(option, given, 'be the name of an interface, at most 15 characters');
  const [, base, digits] = /^(.+)\.(\d+)$/.exec(given) ?? [];
  if (base === undefined) return { parent: given, ...(asked !== undefined && { vlan: asked }) };
  const vlan = vlanOf(option, digits, given);
  if (asked !== undefined && asked !== vlan) {
    throw new XnetError(
      'INVALID',
      `-o ${option}=${given} means VLAN ${vlan}, and -o xnet.vlan=${asked} another: leave one out`,
    );
  }
  return { parent: base, ...(vlan !== undefined && { vlan }) };
}

function vlanOf(option: Option, digits: string | undefined, shown = digits): number | undefined {
  if (digits === undefined) return undefined;
  const vlan = /^\d{1,4}$/.test(digits) ? Number(digits) : 0;
  if (vlan >= 1 && vlan <= 4094) return vlan;
  throw invalid(option, shown ?? '', 'name a VLAN from 1 to 4094');
}

/** The first is the default. */
function choose<T extends string>(option: Option, text: string | undefined, values: readonly [T, ...T[]]): T {
  return text === undefined ? values[0] : oneOf(option, text, values);
}

function oneOf<T extends string>(option: Option, text: string, values: readonly T[]): T {
  const value = values.find((each) => each === text);
  if (value !== undefined) return value;
  throw invalid(option, text, `be ${values.slice(0, -1).join(', ')} or ${values.at(-1)}`);
}

function invalid(option: Option, value: string, rule: string): XnetError {
  const shown = value.length > 80 ? `${value.slice(0, 80)}...` : value;
  return new XnetError('INVALID', `option ${option}=${shown} must ${rule}`);
}

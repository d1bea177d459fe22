/** What the policies say of a connection, as the kernel's rules do (src/dataplane/policy/table-layout.ts), for people. Pure. */
import { IpAddress } from '../../inet/ip-address.js';
import { Prefix } from '../../inet/prefix.js';
import { modeOf, type NetworkRecord } from '../../model/network.js';
import { GATEWAY_LABEL, hasLabels, type Labels } from '../../model/policy/labels.js';
import { type PolicyDocument, type PolicyRule, parsePort, sourceOf } from '../../model/policy/policy.js';
import { shellWord } from '../../shell-word.js';
import { canEnforce, policiesIn } from './network-rules.js';

export interface JudgedEnd {
  readonly name: string;
  /** Undefined: not known. */
  readonly labels: Labels | undefined;
  readonly addresses: readonly string[];
}

export interface Connection {
  readonly from: JudgedEnd;
  readonly to: JudgedEnd;
  readonly network: Pick<NetworkRecord, 'id' | 'name' | 'protection' | 'mode'>;
  readonly protocol: 'tcp' | 'udp' | 'icmp';
  readonly port: number;
}

export interface PolicyVerdict {
  readonly verdict: 'allowed' | 'denied' | 'audit';
  readonly why: string;
  /** Of `denied`: a command, with what is to be known behind a `#`; or words. */
  readonly remedy?: string;
}

const isGateway = ({ labels }: JudgedEnd) =>
  labels !== undefined && hasLabels(labels, { [GATEWAY_LABEL]: 'true' });

/** Undefined: the network has no policy, and is not isolated. */
export function findVerdict(
  connection: Connection,
  all: readonly PolicyDocument[],
): PolicyVerdict | undefined {
  const { network } = connection;
  const isJudged = network.protection?.isolate || policiesIn(network, all).length > 0;
  return isJudged ? judge(connection, all) : undefined;
}

export function judge(connection: Connection, all: readonly PolicyDocument[]): PolicyVerdict {
  const { from, to, network } = connection;
  if (network.protection?.isolate && !isGateway(from) && !isGateway(to))
    return denied(
      `the network is isolated, and neither ${from.name} nor ${to.name} has the label ${GATEWAY_LABEL}=true`,
      `if one of the two shall be a gateway, make it anew with --label ${GATEWAY_LABEL}=true`,
    );
  const policies = policiesIn(network, all);
  if (policies.length === 0) return { verdict: 'allowed', why: 'no policy is of this network' };
  const { labels } = to;
  if (!canEnforce(network)) return judgeUnenforced(connection, policies);
  if (!labels && policies.every(({ audit }) => audit === true))
    return {
      verdict: 'audit',
      why: `the labels of ${to.name} are not known, and the policies of this network are audits: it is counted, and passes`,
    };
  if (!labels)
    return denied(
      `the labels of ${to.name} are not known, and nobody reaches it until they are`,
      `docker inspect -f '{{json .Config.Labels}}' ${shellWord(to.name)}   # its host publishes them when it has etcd, unless they are more than 8 kB`,
    );
  return judgeSelected(
    connection,
    policies.filter((policy) => hasLabels(labels, policy.to)),
  );
}

/** What is not in force denies nothing. */
function judgeUnenforced({ to, network }: Connection, policies: readonly PolicyDocument[]): PolicyVerdict {
  const selecting = policies.filter((policy) => to.labels && hasLabels(to.labels, policy.to));
  if (selecting.length === 0) return { verdict: 'allowed', why: `no policy selects ${to.name}` };
  const names = selecting.map(({ policy }) => policy).join(', ');
  const { kind } = modeOf(network);
  return {
    verdict: 'allowed',
    why: `policy ${names} selects ${to.name}, and is not in force here: networks of mode ${kind} have no policies`,
  };
}

function judgeSelected(connection: Connection, selecting: readonly PolicyDocument[]): PolicyVerdict {
  const { from, to } = connection;
  const [first] = selecting;
  if (!first) return { verdict: 'allowed', why: `no policy selects ${to.name}` };
  const enforced = selecting.filter(({ audit }) => audit !== true);
  const deciding = enforced.length > 0 ? enforced : selecting;
  for (const { policy, allow } of deciding) {
    const rule = allow.findIndex((each) => isAllowed(each, connection));
    if (rule >= 0) return { verdict: 'allowed', why: `policy ${policy}, rule ${rule + 1}` };
  }
  const names = deciding.map(({ policy }) => policy).join(', ');
  if (enforced.length === 0)
    return {
      verdict: 'audit',
      why: `no rule of policy ${names} allows it, which is an audit: it is counted, and passes`,
    };
  const wanted = `${shellWord(from.name)} at ${portOf(connection)}`;
  return denied(
    `no rule of policy ${names} allows it`,
    `xnet policy show ${deciding[0]?.policy ?? first.policy}   # a rule that lets ${wanted} in is missing: add one to its file, and xnet policy apply FILE`,
  );
}

function portOf({ protocol, port }: Connection): string {
  return protocol === 'icmp' ? 'icmp' : `${port}/${protocol}`;
}

function denied(why: string, remedy: string): PolicyVerdict {
  return { verdict: 'denied', why, remedy };
}

function isAllowed(rule: PolicyRule, { from, network, protocol, port }: Connection): boolean {
  const ranges = rule.ports?.flatMap((text) => parsePort(text) ?? []);
  const isPort = (ranges ?? []).some(
    (range) =>
      range.protocol === protocol && (protocol === 'icmp' || (range.first <= port && port <= range.last)),
  );
  return (ranges === undefined || isPort) && isFrom(sourceOf(rule), from, network);
}

function isFrom(
  source: ReturnType<typeof sourceOf>,
  { labels, addresses }: JudgedEnd,
  { id, name }: Connection['network'],
): boolean {
  if ('labels' in source) return labels !== undefined && hasLabels(labels, source.labels);
  if ('network' in source) return source.network === name || source.network === id;
  const prefix = Prefix.parse(source.cidr);
  return addresses.some((address) => prefix.contains(IpAddress.parse(address)));
}

/** Policies as tables and sentences. Pure. */
import type { Answer } from '../../admin/operations.js';
import { printable } from '../../observability/layout.js';
import { type Column, type Screen, table } from '../output/output.js';

type Policy = Answer<'policies'>['items'][number];

export const POLICIES: readonly Column<Policy>[] = [
  ['POLICY', ({ policy }) => policy],
  ['NETWORK', ({ network }) => network ?? 'all'],
  ['TO', ({ to }) => labelsText(to)],
  ['RULES', ({ allow }) => allow.length],
  ['MODE', ({ audit }) => (audit ? 'audit' : 'in force')],
];

export function policyText(
  { policy, hits, denied, selected, refusals }: Answer<'policy'>,
  screen?: Screen,
): string {
  const rules = policy.allow.map(({ from, ports }, i) => ({
    rule: i + 1,
    from: labelsText(from),
    ports: ports?.join(', ') ?? 'all',
    hits: hits[i] ?? 0,
  }));
  const columns: readonly Column<(typeof rules)[number]>[] = [
    ['RULE', ({ rule }) => rule],
    ['FROM', ({ from }) => from],
    ['PORTS', ({ ports }) => ports],
    ['HITS', (each) => each.hits],
  ];
  const places: readonly Column<Answer<'policy'>['selected'][number]>[] = [
    ['CONTAINER', ({ container }) => container],
    ['NETWORK', ({ network }) => network],
    ['HOST', ({ host }) => host],
    ['IN FORCE', ({ isInForce }) => (isInForce ? 'yes' : 'no: not an overlay')],
  ];
  const dropped = policy.audit ? 'would be dropped' : 'dropped';
  return [
    `policy ${policy.policy}${policy.audit ? ' (audit)' : ''} of ${policy.network ?? 'all networks'}, to ${labelsText(policy.to)}\n\n`,
    table(rules, columns, screen),
    `\n${denied} packets ${dropped}\n\n`,
    table(selected, places, screen),
    ...refusals.map(({ host, refusal }) => `not counted: ${host}: ${refusal}\n`),
  ].join('');
}

export function appliedText({ items, notInForce, notes, unread }: Answer<'applyPolicies'>): string {
  return [
    ...items.map(({ policy, outcome }) => `policy ${policy} ${outcome}\n`),
    ...notes.map((note) => `NOTE: ${printable(note)}\n`),
    ...(unread === undefined
      ? []
      : [`where they are not in force could not be read: ${printable(unread)}\n`]),
    ...notInForce.map(
      ({ policy, container, network, host, mode }) =>
        `NOT IN FORCE: policy ${policy} for ${printable(container)} on ${printable(host)} in network ${printable(network)}: networks of mode ${mode} have no policies\n`,
    ),
  ].join('');
}

export function testText({ networks, probe }: Answer<'testPolicy'>): string {
  const verdicts = networks.map(({ network, verdict, why }) => `${network}: ${verdict}: ${why}\n`);
  return [...verdicts, `probe: ${probe.verdict}: ${probe.found}\n`].join('');
}

/** The rules let it pass in some network, and a packet does not; or the other way round. */
export function isContrary({ networks, probe }: Answer<'testPolicy'>): boolean {
  const passes = networks.some(({ verdict }) => verdict !== 'denied');
  return probe.verdict !== 'unknown' && passes !== (probe.verdict === 'passed');
}

function labelsText(labels: object): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
}

/**
 * A policy: which containers may be reached, by whom, on which ports. Its form is that which people write (docs/policy.md).
 *
 * A container that a policy selects is reached only by what some policy that selects it allows. All others are reached by everybody.
 */
import { z } from 'zod';
import { Prefix } from '../../inet/prefix.js';
import { id } from '../fields.js';
import { findRecord, hasParts, keyPart, placed, version, versioned } from '../record.js';
import { isPublished, type Labels, LONGEST_KEY, LONGEST_VALUE } from './labels.js';

export const policyKeys = {
  policy: (name: string) => `policies/${keyPart(name)}`,
  policies: () => 'policies/',
} as const;

/** Of one policy, and of ports in one rule: the kernel's rules grow with them. */
export const MOST_RULES = 64;
export const MOST_PORTS = 32;
export const MOST_POLICIES = 256;
/** In characters, as in NAME. */
export const LONGEST_NAME = 63;

const NAME = /^[a-z0-9]([a-z0-9_.-]{0,61}[a-z0-9])?$/;
export const policyName = z
  .string()
  .regex(
    NAME,
    'a name has 1 to 63 of a-z, 0-9, "-", "_" and ".", and begins and ends with a letter or digit',
  );

const labelKey = z
  .string()
  .min(1)
  .refine((key) => Buffer.byteLength(key) <= LONGEST_KEY, `a label has at most ${LONGEST_KEY} bytes`)
  .refine(
    isPublished,
    'the label is one that a tool writes for itself, which other hosts do not know; give another one',
  );
const labelValue = z
  .string('the value of a label is a text; put a number or true in quotes')
  .refine((value) => Buffer.byteLength(value) <= LONGEST_VALUE, `a value has at most ${LONGEST_VALUE} bytes`);
const AT_LEAST_ONE = 'give at least one label, such as app: db';
const isFilled = (labels: object) => Object.keys(labels).length > 0;
const selector = z.record(labelKey, labelValue).refine(isFilled, AT_LEAST_ONE);
/** As a source `network` and `cidr` are no labels. */
const sourceKey = labelKey.refine((key) => key !== 'network' && key !== 'cidr', 'it stands alone there');
const sourceLabels = z.record(sourceKey, labelValue).refine(isFilled, AT_LEAST_ONE);

const cidr = z.string().refine(isPrefix, 'give a subnet without host bits, such as 10.0.0.0/8 or fd00::/8');

const PORT = /^(\d{1,5})(?:-(\d{1,5}))?\/(tcp|udp|sctp)$/;
const port = z
  .string()
  .refine((text) => parsePort(text) !== undefined, 'a port is such as 5432/tcp, 8000-8100/udp or icmp');

const from = z.union([
  z.strictObject({ network: z.string().min(1) }),
  z.strictObject({ cidr }),
  sourceLabels,
]);

const rule = z.strictObject({
  from,
  /** Absent: all ports and protocols. */
  ports: z.array(port).min(1).max(MOST_PORTS).optional(),
});

const fields = {
  policy: policyName,
  /** Only in the network of this name or id. Absent: in all. */
  network: z.string().min(1).optional(),
  to: selector,
  /** None: nobody reaches it. */
  allow: z.array(rule).max(MOST_RULES),
  /** Nothing is dropped; what would be is counted, and is an event. */
  audit: z.boolean().optional(),
};

/** As people write it. */
export const policyDocument = z.strictObject(fields);
export type PolicyDocument = z.infer<typeof policyDocument>;
export type PolicyRule = z.infer<typeof rule>;

export const policyRecord = placed(versioned({ version, ...fields, hostId: id.optional() }), (key, record) =>
  hasParts(key, record.policy),
);
export type PolicyRecord = z.infer<typeof policyRecord>;

/** What is enough to hold a policy whose rules cannot be read. What is no audit for certain is none. */
const selection = placed(
  z.object({
    ...fields,
    allow: z.unknown().transform(() => []),
    audit: z.boolean().optional().catch(undefined),
  }),
  (key, record) => hasParts(key, record.policy),
);

/** Of a policy that parseRecord cannot read: that nobody reaches whom it selects. Undefined: it does not say whom. */
export function closedPolicy(entry: { key: string; value: string }): PolicyDocument | undefined {
  return findRecord(selection, entry);
}

/** Without what the record has for itself. */
export function documentOf({ version: _, hostId: __, ...document }: PolicyRecord): PolicyDocument {
  return document;
}

export interface PortRange {
  readonly protocol: 'tcp' | 'udp' | 'sctp' | 'icmp';
  /** Of icmp both are 0. */
  readonly first: number;
  readonly last: number;
}

/** Undefined: it is none. */
export function parsePort(text: string): PortRange | undefined {
  if (text === 'icmp') return { protocol: 'icmp', first: 0, last: 0 };
  const [, first, last = first, protocol] = PORT.exec(text) ?? [];
  const range = { protocol: protocol as PortRange['protocol'], first: Number(first), last: Number(last) };
  const isRight = range.first >= 1 && range.first <= range.last && range.last <= 65_535;
  return isRight ? range : undefined;
}

/** Whom a rule lets in. */
export type Source = { readonly labels: Labels } | { readonly network: string } | { readonly cidr: string };

export function sourceOf({ from }: PolicyRule): Source {
  const { network, cidr, ...labels } = from as Record<string, string>;
  if (Object.keys(labels).length > 0) return { labels: from as Labels };
  return network === undefined ? { cidr: cidr ?? '' } : { network };
}

function isPrefix(text: string): boolean {
  try {
    return Prefix.parse(text).toString() === text;
  } catch {
    return false;
  }
}

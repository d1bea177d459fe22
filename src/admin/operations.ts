/** The operations of the admin API. An operation that changes what it answers gets another path, under another version. */
import { z } from 'zod';
import {
  addressesAnswer,
  endpointsAnswer,
  eventsAnswer,
  exportAnswer,
  hostItem,
  hostsAnswer,
  namesAnswer,
  networkAnswer,
  networksAnswer,
  poolsAnswer,
  settingsAnswer,
  versionAnswer,
} from './answers.js';
import { captureItem, captureParameters } from './capture-answer.js';
import { doctorAnswer, egressLogAnswer, pingAnswer, traceAnswer } from './diagnosis-answers.js';
import { bytes, count, flag, none, port, seconds, wanted } from './parameters.js';
import {
  appliedAnswer,
  learnedAnswer,
  policies,
  policiesAnswer,
  policyAnswer,
  policyTestAnswer,
  removedAnswer,
} from './policy/policy-answers.js';
import { statusAnswer } from './status-answer.js';

export interface Operation {
  readonly method: 'get' | 'delete' | 'put' | 'post';
  /** `{NAME}` is a parameter; all others are in the query, of a put in its body. */
  readonly path: string;
  readonly summary: string;
  readonly parameters: z.ZodObject;
  readonly answer: z.ZodType;
}

export const OPERATIONS = {
  version: {
    method: 'get',
    path: '/v1/version',
    summary: 'The version of the daemon.',
    parameters: none,
    answer: versionAnswer,
  },
  status: {
    method: 'get',
    path: '/v1/status',
    summary: 'This host: its store, Docker, networks, endpoints and peers, and what is wrong.',
    parameters: none,
    answer: statusAnswer,
  },
  doctor: {
    method: 'get',
    path: '/v1/doctor',
    summary:
      'What may be wrong on this host, or on all that are alive, and in the cluster, each with its remedy; takes seconds.',
    parameters: z.strictObject({ all: flag }),
    answer: doctorAnswer,
  },
  trace: {
    method: 'get',
    path: '/v1/trace',
    summary:
      'The way of a packet from a container or host to another, or outside: each hop, and the command that mends it; takes seconds.',
    parameters: z.strictObject({
      from: wanted,
      to: wanted,
      /** Absent: an echo request is sent. */
      port: port.optional(),
      /** Of a port; absent: TCP. */
      protocol: z.enum(['tcp', 'udp']).optional(),
      network: wanted.optional(),
    }),
    answer: traceAnswer,
  },
  events: {
    method: 'get',
    path: '/v1/events',
    summary: 'What has happened on this host, or on all that are alive, since then (ISO 8601).',
    parameters: z.strictObject({ since: z.iso.datetime({ offset: true }).optional(), all: flag }),
    answer: eventsAnswer,
  },
  egressLog: {
    method: 'get',
    path: '/v1/egress/{container}',
    summary: 'What a container of this host (name or id) was refused outside: names and packets, counted.',
    parameters: z.strictObject({ container: wanted }),
    answer: egressLogAnswer,
  },
  hosts: {
    method: 'get',
    path: '/v1/hosts',
    summary: 'The hosts of the cluster, also silent ones.',
    parameters: none,
    answer: hostsAnswer,
  },
  removeHost: {
    method: 'delete',
    path: '/v1/hosts/{host}',
    summary:
      'Forgets a silent host (name or id) that will not come back, with all that it has in the cluster.',
    parameters: z.strictObject({ host: wanted }),
    answer: hostItem,
  },
  rotateKey: {
    method: 'post',
    path: '/v1/key/rotation',
    summary: 'Begins to change the key with which this host encrypts; takes some 20 seconds.',
    parameters: none,
    answer: z.object({ host: z.string() }),
  },
  ping: {
    method: 'get',
    path: '/v1/hosts/{host}/ping',
    summary:
      'Packets to another host (name or id) and back, through the tunnel and on the underlay; takes seconds.',
    parameters: z.strictObject({
      host: wanted,
      count: count.optional(),
      size: bytes.optional(),
    }),
    answer: pingAnswer,
  },
  networks: {
    method: 'get',
    path: '/v1/networks',
    summary: 'The networks of the cluster.',
    parameters: none,
    answer: networksAnswer,
  },
  network: {
    method: 'get',
    path: '/v1/networks/{network}',
    summary: 'One network (name or id), with its Docker networks and its endpoints on all hosts.',
    parameters: z.strictObject({ network: wanted }),
    answer: networkAnswer,
  },
  addresses: {
    method: 'get',
    path: '/v1/networks/{network}/addresses',
    summary: 'The addresses of a network (name or id) that are not free, and who has them.',
    parameters: z.strictObject({ network: wanted }),
    answer: addressesAnswer,
  },
  endpoints: {
    method: 'get',
    path: '/v1/endpoints',
    summary: 'The endpoints of the cluster, or those of a network or of a host (names or ids).',
    parameters: z.strictObject({ network: wanted.optional(), host: wanted.optional() }),
    answer: endpointsAnswer,
  },
  names: {
    method: 'get',
    path: '/v1/names/{of}',
    summary: 'The names that a network answers, or those of a container (names or ids).',
    parameters: z.strictObject({ of: wanted }),
    answer: namesAnswer,
  },
  policies: {
    method: 'get',
    path: '/v1/policies',
    summary: 'The policies of the cluster.',
    parameters: none,
    answer: policiesAnswer,
  },
  applyPolicies: {
    method: 'put',
    path: '/v1/policies',
    summary: 'Creates policies, or changes those of the same names, all in one commit.',
    parameters: z.strictObject({ policies }),
    answer: appliedAnswer,
  },
  policy: {
    method: 'get',
    path: '/v1/policies/{policy}',
    summary: 'A policy: the containers that it selects, and how often each rule was met on all hosts.',
    parameters: z.strictObject({ policy: wanted }),
    answer: policyAnswer,
  },
  removePolicy: {
    method: 'delete',
    path: '/v1/policies/{policy}',
    summary: 'Removes a policy.',
    parameters: z.strictObject({ policy: wanted }),
    answer: removedAnswer,
  },
  testPolicy: {
    method: 'get',
    path: '/v1/policy-test',
    summary:
      'Whether a container may reach another one: what the policies say, and what becomes of a packet; takes seconds.',
    parameters: z.strictObject({
      from: wanted,
      to: wanted,
      /** Absent: an echo request is sent. */
      port: port.optional(),
      /** Of a port; absent: TCP. */
      protocol: z.enum(['tcp', 'udp']).optional(),
    }),
    answer: policyTestAnswer,
  },
  learnPolicy: {
    method: 'get',
    path: '/v1/networks/{network}/policies',
    summary:
      'The policies that let pass what passes now in a network (name or id), by the connections that begin in so many seconds.',
    parameters: z.strictObject({ network: wanted, seconds: seconds.optional() }),
    answer: learnedAnswer,
  },
  pools: {
    method: 'get',
    path: '/v1/pools',
    summary: 'The subnets of the cluster, and how many of their addresses are in use.',
    parameters: none,
    answer: poolsAnswer,
  },
  export: {
    method: 'get',
    path: '/v1/export',
    summary: 'The networks of the cluster as they were created, so that they can be created anew.',
    parameters: none,
    answer: exportAnswer,
  },
  settings: {
    method: 'get',
    path: '/v1/settings',
    summary: 'The settings of this daemon, without secrets.',
    parameters: none,
    answer: settingsAnswer,
  },
} as const satisfies Record<string, Operation>;

/** What is answered as it comes, an item a line (application/x-ndjson), until the caller goes or nothing more comes. */
export const STREAMS = {
  capture: {
    method: 'get',
    path: '/v1/capture/{of}',
    summary: 'Packets of a network, a container or a host, at their points on all hosts, as they come.',
    parameters: captureParameters,
    answer: captureItem,
  },
} as const satisfies Record<string, Operation>;

export type Operations = typeof OPERATIONS;
export type OperationName = keyof Operations;
export type Parameters<N extends OperationName> = z.infer<Operations[N]['parameters']>;
export type Answer<N extends OperationName> = z.infer<Operations[N]['answer']>;

/** Carries out each operation, until `signal` aborts where that takes long: nobody waits for the answer any more. Throws XnetErrors. */
export type Handlers = {
  readonly [N in OperationName]: (parameters: Parameters<N>, signal?: AbortSignal) => Promise<Answer<N>>;
};

/** Handlers that all do the same. */
export function everyOperation(handle: () => Promise<never>): Handlers {
  return Object.fromEntries(Object.keys(OPERATIONS).map((name) => [name, handle])) as unknown as Handlers;
}

/** The operations of the admin API. An operation that changes what it answers gets another path, under another version. */
import { z } from 'zod';
import {
  addressesAnswer,
  doctorAnswer,
  endpointsAnswer,
  eventsAnswer,
  hostItem,
  hostsAnswer,
  namesAnswer,
  networkAnswer,
  networksAnswer,
  pingAnswer,
  poolsAnswer,
  versionAnswer,
} from './answers.js';
import { statusAnswer } from './status-answer.js';

export interface Operation {
  readonly method: 'get' | 'delete';
  /** `{NAME}` is a parameter; all others are in the query. */
  readonly path: string;
  readonly summary: string;
  readonly parameters: z.ZodObject;
  readonly answer: z.ZodType;
}

const flag = z.enum(['true', 'false']).optional();
const none = z.strictObject({});
/** Long enough for every name that Docker takes, with room. */
const wanted = z.string().min(1).max(512);

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
  events: {
    method: 'get',
    path: '/v1/events',
    summary: 'What has happened on this host, or on all that are alive, since then (ISO 8601).',
    parameters: z.strictObject({ since: z.iso.datetime({ offset: true }).optional(), all: flag }),
    answer: eventsAnswer,
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
  ping: {
    method: 'get',
    path: '/v1/hosts/{host}/ping',
    summary:
      'Packets to another host (name or id) and back, through the tunnel and on the underlay; takes seconds.',
    parameters: z.strictObject({
      host: wanted,
      count: z
        .string()
        .regex(/^([1-9]|[1-3]\d|40)$/, 'must be a whole number from 1 to 40')
        .optional(),
      size: z
        .string()
        .regex(/^\d{1,5}$/, 'must be a whole number of bytes')
        .optional(),
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
  pools: {
    method: 'get',
    path: '/v1/pools',
    summary: 'The subnets of the cluster, and how many of their addresses are in use.',
    parameters: none,
    answer: poolsAnswer,
  },
} as const satisfies Record<string, Operation>;

export type Operations = typeof OPERATIONS;
export type OperationName = keyof Operations;
export type Parameters<N extends OperationName> = z.infer<Operations[N]['parameters']>;
export type Answer<N extends OperationName> = z.infer<Operations[N]['answer']>;

/** Carries out each operation. Throws XnetErrors. */
export type Handlers = { readonly [N in OperationName]: (parameters: Parameters<N>) => Promise<Answer<N>> };

/** Handlers that all do the same. */
export function everyOperation(handle: () => Promise<never>): Handlers {
  return Object.fromEntries(Object.keys(OPERATIONS).map((name) => [name, handle])) as unknown as Handlers;
}

/** The path of a call, with its query. */
export function pathOf<N extends OperationName>(name: N, parameters: Parameters<N>): string {
  const query = new URLSearchParams();
  let { path }: { path: string } = OPERATIONS[name];
  for (const [key, value] of Object.entries(parameters)) {
    if (typeof value !== 'string') continue;
    const inPath = `{${key}}`;
    if (path.includes(inPath)) path = path.replace(inPath, encodeURIComponent(value));
    else query.set(key, value);
  }
  return query.size > 0 ? `${path}?${query}` : path;
}

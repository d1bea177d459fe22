/**
 * src/config: the settings of `xnet serve`: what they are, where they come from, whether they can be used on this host. A
 * configuration is checked whole and never changes; each failure names the setting as it was written. Not in here: options of
 * networks (src/driver/networks/), and settings that a constant does for.
 *
 * Every setting of `xnet serve`, once: key, default, unit, meaning. The flag (`--vxlan-port`), the
 * environment variable (`XNET_VXLAN_PORT`) and the key of the configuration file (`vxlanPort`) are all made
 * from the key (but `--parent`, which is given for each of the `parents`), and so is docs/configuration.md's table checked.
 */
import { z } from 'zod';
import { Prefix } from '../inet/prefix.js';
import { findUnusable } from '../inet/unusable.js';
import { LOG_FORMATS, LOG_LEVELS } from '../observability/logger.js';
import { parents } from './parents.js';

/** Of a unix socket's path (unix(7): sun_path, with a zero byte at its end). */
const LONGEST_SOCKET_PATH = 107;
/** What is put behind the admin socket's path for the socket of Docker's calls (daemon.ts). */
const BEHIND_ADMIN = '.calls'.length;

const text = z.string('must be text');
const absolutePath = text.regex(/^\/[^\0]*$/, 'must be an absolute path');

function wholeNumber(least: number, most: number) {
  const rule = `must be a whole number from ${least} to ${most}`;
  const written = text.regex(/^\d{1,9}$/, rule).transform(Number);
  return z.union([z.number(), written], rule).pipe(z.int(rule).min(least, rule).max(most, rule));
}

function oneOf<const T extends readonly [string, ...string[]]>(words: T) {
  return z.enum(words, `must be one of: ${words.join(', ')}`);
}

function socketPath(longest: number) {
  const fits = (path: string) => Buffer.byteLength(path) <= longest;
  return absolutePath.refine(fits, `must be no longer than ${longest} bytes, as the path of a socket`);
}

const PORT = '([1-9]\\d{0,3}|[1-5]\\d{4}|6[0-4]\\d{3}|65[0-4]\\d{2}|655[0-2]\\d|6553[0-5])';
const MEMBER = `([\\w.-]+|\\[[\\da-fA-F:]+\\])(:${PORT})?`;
const STORE_URL = new RegExp(`^(embedded|etcds?://${MEMBER}(,${MEMBER})*/?)$`);

/** `RANGE:LENGTH,...`: the range to cut default pools from and the length of one. */
const defaultPools = z
  .union([z.string().transform((list) => list.split(',')), z.array(z.string())], 'must be RANGE:LENGTH,...')
  .transform((items, context) => items.flatMap((item) => parseDefaultPool(item.trim(), context)));

function parseDefaultPool(item: string, context: z.RefinementCtx) {
  const refuse = (message: string) => {
    context.addIssue({ code: 'custom', message, input: item });
    return [];
  };
  const form = 'must be RANGE:LENGTH, as in 10.192.0.0/12:24';
  const cut = item.lastIndexOf(':');
  try {
    const range = Prefix.parse(item.slice(0, cut));
    const length = Number(item.slice(cut + 1));
    const longest = range.family === 4 ? 30 : 120;
    const unusable = findUnusable(range);
    if (unusable) return refuse(`overlaps ${unusable}, which containers cannot use`);
    const fits = Number.isInteger(length) && length >= range.length && length <= longest;
    return fits && cut > 0 ? [{ range, length }] : refuse(form);
  } catch {
    return refuse(form);
  }
}

const settings = z.strictObject({
  store: text
    .regex(
      STORE_URL,
      'must be "embedded", etcd://HOST:PORT,... or etcds://HOST:PORT,... (TLS); a user of etcd is given with --etcd-user',
    )
    .default('embedded')
    .describe('where the cluster\'s state is: "embedded" (this host alone) or etcd://h1:2379,h2:2379'),
  prefix: text
    .regex(/^\/.*\/$/, 'must begin and end with /')
    .default('/xnet/')
    .describe('prefix of all keys in etcd; one per cluster'),
  interface: text
    .regex(/^[^\s/]{1,15}$/, 'must be an interface name')
    .optional()
    .describe('underlay interface; default: that of the default route'),
  vtep: z
    .union([z.ipv4(), z.ipv6()], 'must be an IPv4 or IPv6 address')
    .optional()
    .describe('underlay address; default: the first of the interface'),
  parents: parents
    .optional()
    .describe(
      'names of LANs with the interface of this host that leads to each, as office=eth1,dmz=bond0: what `-o parent` of a network may name',
    ),
  vxlanPort: wholeNumber(1, 65_535).default(4789).describe('UDP port of VXLAN, the same on all hosts'),
  encryptAll: oneOf(['on', 'off'])
    .default('off')
    .describe('on: overlays that this host creates are encrypted, unless -o xnet.encrypt=off is given'),
  encryptPort: wholeNumber(1, 65_534)
    .default(51_820)
    .describe('UDP port of encrypted networks (WireGuard), and the one after it while keys are changed'),
  encryptKeepalive: wholeNumber(0, 3_600)
    .default(0)
    .describe('seconds between packets that keep a NAT open before this host; 0: none, 25 behind NAT'),
  defaultPools: defaultPools
    .prefault('10.192.0.0/12:24,fd78:6e65:7400::/48:64')
    .describe('ranges to take subnets from when none is given, each with the length of one subnet'),
  socket: socketPath(LONGEST_SOCKET_PATH)
    .default('/run/docker/plugins/xnet.sock')
    .describe('socket that Docker calls'),
  plainName: oneOf(['on', 'off'])
    .default('off')
    .describe('on: a managed plugin is also found as "xnet", without its tag'),
  scope: oneOf(['local', 'global'])
    .default('local')
    .describe(
      "local: each host's Docker has networks of its own; global: swarm's managers create them for all nodes",
    ),
  adminSocket: socketPath(LONGEST_SOCKET_PATH - BEHIND_ADMIN)
    .default('/run/xnet/admin.sock')
    .describe('socket that the xnet commands call'),
  dockerHost: text
    .regex(/^unix:\/\/\/\S+$/, 'must be unix:// and an absolute path')
    .transform((url) => url.slice('unix://'.length))
    .pipe(socketPath(LONGEST_SOCKET_PATH))
    .prefault('unix:///var/run/docker.sock')
    .describe("Docker's API: networks are mirrored and names published through it"),
  stateDir: absolutePath
    .default('/var/lib/xnet')
    .describe('directory of the host id, the embedded store, and what is known while etcd is away'),
  etcdCa: absolutePath.optional().describe("file of the CA certificate that signed etcd's (PEM)"),
  etcdCert: absolutePath.optional().describe('file of the client certificate for etcd (PEM)'),
  etcdKey: absolutePath.optional().describe("file of the client certificate's key (PEM)"),
  etcdUser: text.optional().describe('etcd user'),
  etcdPassword: text.optional().describe('password of the etcd user; better in a file'),
  etcdPasswordFile: absolutePath.optional().describe('file that holds the password of the etcd user'),
  restSeconds: wholeNumber(0, 86_400)
    .default(60)
    .describe('seconds that a released address rests before automatic reuse'),
  reserve: wholeNumber(0, 64)
    .default(8)
    .describe(
      'addresses of each pool in use that this host claims in advance, to start containers without etcd',
    ),
  logLevel: oneOf(LOG_LEVELS)
    .default('info')
    .describe(`least level to log: ${LOG_LEVELS.join(', ')}`),
  logFormat: oneOf(LOG_FORMATS).default('pretty').describe('json (one object a line) or pretty'),
});

export const configSchema = settings.refine(({ socket, adminSocket }) => socket !== adminSocket, {
  path: ['adminSocket'],
  error: 'must be another path than that of the socket that Docker calls (--socket)',
});

export type Config = Readonly<z.infer<typeof configSchema>>;
export type ConfigKey = keyof Config;

export interface Setting {
  readonly key: ConfigKey;
  readonly flag: string;
  readonly variable: string;
  readonly description: string;
  /** As a person would write it; undefined: none. */
  readonly defaultText: string | undefined;
  /** The flag may be given several times, each with a part of the value. */
  readonly isRepeatable: boolean;
}

/** Flags that are not named as their keys, since each names one of several. */
const REPEATABLE: Partial<Record<string, string>> = { parents: '--parent' };

/** The settings in the order of the schema. */
export function listSettings(): Setting[] {
  return Object.entries(configSchema.shape).map(([key, schema]) => ({
    key: key as ConfigKey,
    flag: REPEATABLE[key] ?? `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    variable: `XNET_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`,
    description: schema.description ?? '',
    defaultText:
      schema.def.type === 'default' || schema.def.type === 'prefault'
        ? String(schema.def.defaultValue)
        : undefined,
    isRepeatable: key in REPEATABLE,
  }));
}

/** What `xnet capture` is asked with, and what it is answered, an item a line. */
import { z } from 'zod';

/** What is captured at most, and if nothing is said. */
export const CAPTURE_BOUNDS = {
  count: { most: 100_000, default: 1000 },
  seconds: { most: 3600, default: 60 },
  /** Bytes. On several hosts: packets go through the store. */
  snap: { most: 0xffff, default: 0xffff, defaultOnSeveralHosts: 128 },
  instructions: 500,
} as const;

const name = z.string().min(1).max(512);
const number = (most: number) =>
  z.coerce.number(`give a whole number from 1 to ${most}`).int().min(1).max(most).optional();

/** In a query, where all is text. */
export const captureParameters = z.strictObject({
  /** Name or id of a network, a container or a host. */
  of: name,
  /** Names or ids of hosts, with commas between; absent: all that have to do with it. */
  on: z.string().min(1).max(4000).optional(),
  /** As `tcpdump -y EN10MB -ddd` prints it, without the first line, with commas for line ends. */
  program: z
    .string()
    .regex(/^\d{1,5}( \d{1,10}){3}(,\d{1,5}( \d{1,10}){3})*$/, 'is no program as tcpdump -ddd prints it')
    .refine((text) => text.split(',').length <= CAPTURE_BOUNDS.instructions, {
      error: `a filter has at most ${CAPTURE_BOUNDS.instructions} instructions; give a simpler one`,
    })
    .optional(),
  count: number(CAPTURE_BOUNDS.count.most),
  seconds: number(CAPTURE_BOUNDS.seconds.most),
  snap: number(CAPTURE_BOUNDS.snap.most),
});

export type CaptureParameters = z.infer<typeof captureParameters>;

/** A point is described before its first packet. */
const point = z.object({
  kind: z.literal('point'),
  /** Number of the point. */
  point: z.number().int(),
  host: z.string(),
  /** It is the host that is asked: its packets do not come through the store. */
  here: z.boolean(),
  network: z.string(),
  /** Name of the container; or `vxlan0`, or `underlay`. */
  place: z.string(),
  interfaceName: z.string(),
});
export type PointItem = z.infer<typeof point>;

const packet = z.object({
  kind: z.literal('packet'),
  point: z.number().int(),
  /** Nanoseconds since 1970, by the clock of the point's host. */
  at: z.string(),
  /** At a container `out` is what it sends, elsewhere what its host sends. */
  direction: z.enum(['in', 'out']),
  /** Of the whole packet, from the Ethernet header on, in bytes. */
  length: z.number().int(),
  /** Its beginning, in base64. */
  bytes: z.string(),
});
export type PacketItem = z.infer<typeof packet>;

export const captureItem = z.discriminatedUnion('kind', [
  point,
  packet,
  /** So many packets were lost at the point: they came faster than they could be read, or sent on. */
  z.object({ kind: z.literal('lost'), point: z.number().int(), count: z.number().int() }),
  /** Where a host captures nothing, or not all, and why. */
  z.object({ kind: z.literal('refusal'), host: z.string(), refusal: z.string() }),
  /** The last item: all hosts have ended. */
  z.object({ kind: z.literal('end') }),
]);
export type CaptureItem = z.infer<typeof captureItem>;

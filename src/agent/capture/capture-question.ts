/** What a host is asked to capture, and the parts in which it answers (`xnet capture`). */
import { z } from 'zod';

/** Kind of the question. */
export const CAPTURE = 'capture';

/** What a host accepts at most, whoever asks. */
export const CAPTURE_LIMITS = {
  networks: 64,
  instructions: 500,
  count: 100_000,
  seconds: 3600,
  snapBytes: 0xffff,
} as const;

/** Of all hosts of a capture together, as JSON. etcd keeps it until it is compacted, and its quota is 2 GB. */
export const CAPTURE_STREAM = { bytes: 16 << 20, bytesPerSecond: 1 << 20 } as const;

const byte = z.int().min(0).max(0xff);

/** linux/filter.h, struct sock_filter: code, jt, jf, k. */
const instruction = z
  .tuple([z.int().min(0).max(0xffff), byte, byte, z.int().min(0).max(0xffffffff)])
  .transform(([code, jt, jf, k]) => ({ code, jt, jf, k }));

export const captureWanted = z.object({
  networks: z
    .array(
      z.object({
        id: z.string().regex(/^[0-9a-f]{12}$/),
        name: z.string(),
        vni: z.int().min(0).max(0xffffff),
        /** Only what this interface sends and gets; absent: all. */
        mac: z
          .string()
          .regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/)
          .optional(),
      }),
    )
    .max(CAPTURE_LIMITS.networks),
  filter: z.array(instruction).min(1).max(CAPTURE_LIMITS.instructions).optional(),
  /** The host ends when it has so many packets, or after so many seconds. */
  count: z.int().min(1).max(CAPTURE_LIMITS.count),
  seconds: z.number().positive().max(CAPTURE_LIMITS.seconds),
  /** Of each frame. */
  snapBytes: z.int().min(1).max(CAPTURE_LIMITS.snapBytes),
  /** So many hosts share what may go through the store. */
  sharedBy: z.int().min(1),
});
/** As it is written, and as it is understood. */
export type CaptureQuestion = z.input<typeof captureWanted>;
export type CaptureWanted = z.output<typeof captureWanted>;

/** Where packets are captured. Numbered from 0, in the order of the list. */
const point = z.object({
  network: z.string(),
  /** Of the container; or `vxlan0`, `underlay`, `LAN`. */
  place: z.string(),
  interfaceName: z.string(),
});
export type CapturePoint = z.infer<typeof point>;

/** Number of the point, nanoseconds since 1970, direction, length of the whole packet, its first bytes in base64. */
const packet = z.tuple([
  z.int().min(0),
  z.string().regex(/^\d{1,20}$/),
  z.enum(['in', 'out']),
  z.int(),
  z.base64(),
]);
export type PacketPart = z.infer<typeof packet>;

export const capturePart = z.object({
  /** In the first part. */
  points: z.array(point).optional(),
  packets: z.array(packet).optional(),
  /** Number of the point, packets that were lost there since the part before. */
  dropped: z.array(z.tuple([z.int().min(0), z.int().min(0)])).optional(),
  /** What is not captured, and why. */
  notes: z.array(z.string()).optional(),
});
export type CapturePart = z.infer<typeof capturePart>;

/**
 * What a network keeps its containers from, and others from its packets: what `docker network create -o` chooses with options of
 * that kind. Absent: as Docker's own networks, but that containers send from their own addresses only.
 */
import { z } from 'zod';

export const protection = z.object({
  /** Its packets between hosts are encrypted, on every host. */
  encrypt: z.literal(true).optional(),
  /** Its containers may send from any MAC and address, as routers do. */
  spoof: z.literal('allow').optional(),
  /** Its containers reach only those that are its gateways. */
  isolate: z.literal(true).optional(),
  /** Its containers reach outside only what is allowed to them. */
  egress: z.literal('deny').optional(),
});
export type Protection = z.infer<typeof protection>;

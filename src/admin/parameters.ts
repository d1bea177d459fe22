/** What parameters of operations may be: in a path or a query all are texts. */
import { z } from 'zod';

export const none = z.strictObject({});
export const flag = z.enum(['true', 'false']).optional();

/** Of something in the cluster. Long enough for every name that Docker takes, with room; without control characters, which none has. */
export const wanted = z
  .string()
  .min(1)
  .max(512)
  .regex(/^\P{Cc}*$/u, 'no control characters');

const PORT = /^([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])$/;
export const port = z.string().regex(PORT, 'a port is a number from 1 to 65535');

/** Of packets. */
export const count = z.string().regex(/^([1-9]|[1-3]\d|40)$/, 'must be a whole number from 1 to 40');
export const bytes = z.string().regex(/^\d{1,5}$/, 'must be a whole number of bytes');

/** For which something is watched. */
export const seconds = z
  .string()
  .regex(/^([1-9]\d{0,2}|[12]\d{3}|3[0-5]\d{2}|3600)$/, 'must be a whole number of seconds from 1 to 3600');

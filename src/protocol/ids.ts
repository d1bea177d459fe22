import { z } from 'zod';

/**
 * Ids that Docker makes: 64 hex digits for networks and endpoints, 25 letters and digits in swarm mode.
 * They become parts of keys, file and interface names, so nothing else is let in.
 */
export const dockerId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,128}$/, 'must be 1 to 128 letters, digits, "_" or "-"');

/** Maps that Docker leaves out, or sends as null, when they are empty. */
export const optionMap = z
  .record(z.string(), z.unknown())
  .nullish()
  .transform((map) => map ?? {});

export const stringMap = z
  .record(z.string(), z.string())
  .nullish()
  .transform((map) => map ?? {});

/** Text that Docker leaves out or sends empty. */
export const optionalText = z
  .string()
  .max(1024)
  .nullish()
  .transform((text) => (text ? text : undefined));

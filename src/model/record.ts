/**
 * src/model: what xnet is about, as records of the store: JSON values under keys. There is one file for each kind, with its
 * keys, its schema, its states and its transitions, and a form that hosts of several versions agree on.
 *
 * Not in here: a store, a clock, a random number, anything of Docker's or of the kernel's.
 *
 * Records outlive the xnet that wrote them. Each has the version of its form: an older one is brought up to ours when it
 * is read, and is written in our form when it is next changed; a newer one is refused, and so never written over.
 */
import { z } from 'zod';
import { errorMessage, XnetError } from '../errors.js';

export const version = z.literal(1).default(1);

/** Ids reach keys checked (no slash); subnets and addresses are escaped, so that no key lies inside another's prefix by accident. */
export function keyPart(text: string): string {
  // Of a text that has no form in UTF-8 there is no key that is its alone.
  return encodeURIComponent(text.toWellFormed());
}

/** What `keyPart` was given; undefined for a text that it would not return. */
export function parsePart(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

/** Whether each of these texts is a part of the key. */
export function hasParts(key: string, ...texts: readonly string[]): boolean {
  const parts = key.split('/');
  return texts.every((text) => parts.includes(keyPart(text)));
}

/** Schema -> whether a record of it may be under the key. */
const PLACES = new WeakMap<z.ZodType, (key: string, record: never) => boolean>();

/** The schema, by which a record under a key for which `isPlace` is false cannot be read: it would be taken for another one. */
export function placed<S extends z.ZodType>(
  schema: S,
  isPlace: (key: string, record: z.infer<S>) => boolean,
): S {
  PLACES.set(schema, isPlace);
  return schema;
}

/** A record of one version as the next version has it; what it need not change it passes on. */
export type Upgrade = (record: Readonly<Record<string, unknown>>) => Record<string, unknown>;

/**
 * Reads records of all versions up to that of `newest`, the fields of which have as `version` the one that the last
 * upgrade leads to. `upgrades`: from version 1 to 2, from 2 to 3, and so on. A record without a version has version 1.
 */
export function versioned<T extends z.ZodRawShape>(newest: T, upgrades: readonly Upgrade[] = []) {
  return z.preprocess((value) => (isRecord(value) ? upgrade(value, upgrades) : value), z.object(newest));
}

function upgrade(record: Record<string, unknown>, upgrades: readonly Upgrade[]): Record<string, unknown> {
  const { version = 1 } = record;
  const next = typeof version === 'number' ? upgrades[version - 1] : undefined;
  return next ? upgrade({ ...next(record), version: Number(version) + 1 }, upgrades) : record;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** Reads a record. Throws INTERNAL naming the key when the value is not one (or is of a newer version). */
export function parseRecord<T>(schema: z.ZodType<T>, entry: { key: string; value: string }): T {
  try {
    const record = schema.parse(JSON.parse(entry.value));
    const isPlace = PLACES.get(schema) as ((key: string, record: T) => boolean) | undefined;
    if (isPlace && !isPlace(entry.key, record)) throw new Error('it is of another key');
    return record;
  } catch (error) {
    throw new XnetError(
      'INTERNAL',
      `the store's record ${entry.key} cannot be read (${reasonOf(error)}); was it written by a newer xnet, or by hand?`,
      { key: entry.key },
      { cause: error },
    );
  }
}

/** Of the first thing that is wrong. */
function reasonOf(error: unknown): string {
  const [issue] = error instanceof z.ZodError ? error.issues : [];
  if (!issue) return errorMessage(error);
  return issue.path.length > 0 ? `${issue.path.join('.')}: ${issue.message}` : issue.message;
}

/** The record, or undefined where parseRecord would throw. */
export function findRecord<T>(schema: z.ZodType<T>, entry: { key: string; value: string }): T | undefined {
  try {
    return parseRecord(schema, entry);
  } catch {
    return undefined;
  }
}

export function formatRecord<T extends { version: number }>(record: T): string {
  return JSON.stringify(record);
}

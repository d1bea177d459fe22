/**
 * Records outlive the xnet that wrote them. Each has the version of its form: an older one is brought up to ours when it
 * is read, and is written in our form when it is next changed; a newer one is refused, and so never written over.
 */
import { z } from 'zod';

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

import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { stateDirectoryError } from '../../disk-errors.js';
import { XnetError } from '../../errors.js';
import type { Slot } from '../../inet/encrypted-vtep.js';
import { type EncryptionKey, encryptionKey } from '../../model/host.js';

/** Of a host; that in use is the first. */
export interface HostKey {
  readonly slot: Slot;
  /** 32 bytes in base64, as WireGuard takes it. Never leaves the host. */
  readonly privateKey: string;
  /** ISO 8601. */
  readonly madeAt: string;
  /** Of a second one: it was in use, and is to go; absent: it is the next. Clocks may be set back, so `madeAt` does not say which. */
  readonly isFormer?: true | undefined;
}

const file = z.object({
  version: z.literal(1),
  keys: z
    .array(
      z.object({
        slot: encryptionKey.shape.slot,
        privateKey: z.string().regex(/^[A-Za-z0-9+/]{43}=$/),
        madeAt: z.iso.datetime(),
        isFormer: z.literal(true).optional(),
      }),
    )
    .min(1)
    .max(2),
});

/** Of PKCS#8 for X25519 (RFC 8410), before the key's 32 bytes. */
const PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** The keys of this host, in a file of the state directory that only its owner can read. */
export class EncryptionKeys {
  private constructor(
    private readonly directory: string,
    private keys: readonly HostKey[],
  ) {}

  /** The first start makes a key. Throws INVALID for a file that holds none, and what keeps it from being read or written. */
  static async open(directory: string): Promise<EncryptionKeys> {
    const text = await readFile(pathIn(directory), 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw stateDirectoryError(directory, error);
    });
    if (text !== undefined) return new EncryptionKeys(directory, parse(text, pathIn(directory)));
    const keys = new EncryptionKeys(directory, []);
    await keys.replace([makeKey(0, new Date())]);
    return keys;
  }

  /** That in use first. */
  get all(): readonly HostKey[] {
    return this.keys;
  }

  /** Written whole, and on the disk when this resolves: no crash leaves the host without a key that others have. */
  async replace(keys: readonly HostKey[]): Promise<void> {
    const path = pathIn(this.directory);
    try {
      const written = await open(`${path}.new`, 'w', 0o600);
      await written
        .writeFile(`${JSON.stringify({ version: 1, keys })}\n`)
        .then(() => written.sync())
        .finally(() => written.close());
      await rename(`${path}.new`, path);
    } catch (error: unknown) {
      throw stateDirectoryError(this.directory, error);
    }
    this.keys = keys;
  }

  /** For the host's record. `port`: of the first slot; the second has the one after it. */
  published(port: number): EncryptionKey[] {
    return this.keys.map((key) => ({
      slot: key.slot,
      publicKey: publicKeyOf(key.privateKey),
      port: port + key.slot,
    }));
  }
}

export function makeKey(ofSlot: Slot, now: Date): HostKey {
  const { d = '' } = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' });
  const bytes = Buffer.from(d, 'base64url');
  // As the kernel writes it back (RFC 7748): it would else look altered.
  bytes[0] = (bytes[0] ?? 0) & 248;
  bytes[31] = ((bytes[31] ?? 0) & 127) | 64;
  return { slot: ofSlot, privateKey: bytes.toString('base64'), madeAt: now.toISOString() };
}

export function publicKeyOf(privateKey: string): string {
  const der = Buffer.concat([PKCS8, Buffer.from(privateKey, 'base64')]);
  const key = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
  return Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url').toString('base64');
}

function pathIn(directory: string): string {
  return join(directory, 'encryption-keys.json');
}

function parse(text: string, path: string): readonly HostKey[] {
  try {
    return file.parse(JSON.parse(text)).keys;
  } catch {
    throw new XnetError(
      'INVALID',
      `${path} holds no key of WireGuard; restore it, or remove it, and this host makes a new key at its next start`,
    );
  }
}

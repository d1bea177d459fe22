/** Labels of containers, as their hosts publish them in the endpoints' records. Pure. */
import { z } from 'zod';

export const labels = z.record(z.string(), z.string());
export type Labels = Readonly<Record<string, string>>;

/** Of the containers of an isolated network that all others reach. */
export const GATEWAY_LABEL = 'xnet.gateway';

/** In bytes. A longer label is not published, and no policy can name one. */
export const LONGEST_KEY = 128;
export const LONGEST_VALUE = 256;
/**
 * What tools write for themselves on each container, such as Compose the hash of its configuration, and what only the container's own
 * host needs. They would be most of what hosts keep of labels.
 */
const NOT_PUBLISHED =
  /^(com\.docker\.compose\.(?!(project|service)$)|desktop\.docker\.io\/|org\.opencontainers\.image\.|xnet\.egress\.)/;

/** Whether a policy can go by it. */
export function isPublished(key: string): boolean {
  return Buffer.byteLength(key) <= LONGEST_KEY && !NOT_PUBLISHED.test(key);
}

/** In bytes, of all labels of a container that are published: every host of its networks keeps them. */
export const MOST_BYTES = 8_192;

/**
 * Those that are published: all but long ones and those of tools. Undefined where they are too many: such a container counts as one whose labels are not
 * known, since any that is left out might be the one by which a policy protects it.
 */
export function publishedLabels(all: Labels): Labels | undefined {
  const short = Object.entries(all).filter(
    ([key, value]) => isPublished(key) && Buffer.byteLength(value) <= LONGEST_VALUE,
  );
  const size = short.reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
    0,
  );
  return size > MOST_BYTES ? undefined : Object.fromEntries(short);
}

/** Whether it has each of the labels, with that value. */
export function hasLabels(of: Labels, wanted: Labels): boolean {
  return Object.entries(wanted).every(([key, value]) => Object.hasOwn(of, key) && of[key] === value);
}

import { Prefix } from './prefix.js';

/** Ranges whose addresses no container can use: this host, loopback, multicast and reserved, link-local. */
const UNUSABLE = ['0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/3', '::/16', 'fe80::/10', 'ff00::/8'].map((text) =>
  Prefix.parse(text),
);

/** The range that overlaps the prefix. */
export function findUnusable(prefix: Prefix): Prefix | undefined {
  return UNUSABLE.find((range) => range.overlaps(prefix));
}

/** Addresses as the kernel has them, in the words of iproute2. Pure. */

export function macText(bytes: Buffer): string {
  return bytes.toString('hex').replace(/..(?!$)/g, '$&:');
}

/** Of 4 or 16 bytes; for IPv6 as RFC 5952 has it. */
export function ipText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16)).join(':');
  let [start, longest] = [0, ''];
  for (const { 0: zeros, index } of groups.matchAll(/\b0(?::0)+\b/g))
    if (zeros.length > longest.length) [start, longest] = [index, zeros];
  if (longest === '') return groups;
  return `${groups.slice(0, start)}::${groups.slice(start + longest.length)}`.replace(/:{3,}/, '::');
}

/** The inverse of `ipText`, of a plain address: without a zone, and without an IPv4 address in it. */
export function ipBytes(text: string): Buffer {
  if (!text.includes(':')) return Buffer.from(text.split('.').map(Number));
  const [first = [], last] = text.split('::').map((part) => part.split(':').filter(Boolean));
  const zeros = last ? Array<string>(8 - first.length - last.length).fill('0') : [];
  const groups = [...first, ...zeros, ...(last ?? [])];
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex');
}

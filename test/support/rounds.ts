/** How often a test of something rare is repeated: XNET_ROUNDS, or `usual` times. */
export function rounds(usual: number): number[] {
  const count = Number(process.env.XNET_ROUNDS ?? usual);
  if (!Number.isInteger(count) || count < 1) throw new Error(`XNET_ROUNDS is no count: ${count}`);
  return Array.from({ length: count }, (_, index) => index + 1);
}

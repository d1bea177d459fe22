/** How often a test of something rare is repeated: TEST_ROUNDS, or `usual` times. */
export function rounds(usual: number): number[] {
  const count = Number(process.env.TEST_ROUNDS ?? usual);
  if (!Number.isInteger(count) || count < 1) throw new Error(`TEST_ROUNDS is no count: ${count}`);
  return Array.from({ length: count }, (_, index) => index + 1);
}

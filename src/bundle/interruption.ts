/** Calls `clean` and ends the process, as a shell expects it (128 and the signal's number), when it is interrupted meanwhile. */
export function cleanIfInterrupted(clean: () => void): Disposable {
  const stopOf = (code: number) => () => {
    clean();
    process.exit(code);
  };
  const stops = [['SIGINT', stopOf(130)] as const, ['SIGTERM', stopOf(143)] as const];
  for (const [signal, stop] of stops) process.once(signal, stop);
  return {
    [Symbol.dispose]: () => {
      for (const [signal, stop] of stops) process.off(signal, stop);
    },
  };
}

/** Shows on a terminal that a long answer is being waited for: on standard error, so that the answer itself stays clean. */

const FIRST_MS = 1_000;
/** ANSI: back to the first column, and the line is erased. */
const ERASE = '\r\u001b[K';

interface Terminal {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Resolves or rejects as `answer` does. Nothing is shown of the first second, and nothing is left when it ends. */
export async function withProgress<T>(
  what: string,
  answer: Promise<T>,
  terminal: Terminal = process.stderr,
): Promise<T> {
  if (!terminal.isTTY) return answer;
  let seconds = 0;
  const timer = setInterval(() => {
    seconds += 1;
    terminal.write(`${ERASE}${what}: ${seconds} s`);
  }, FIRST_MS);
  try {
    return await answer;
  } finally {
    clearInterval(timer);
    if (seconds > 0) terminal.write(ERASE);
  }
}

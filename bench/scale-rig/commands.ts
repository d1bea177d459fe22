/** How long a person waits for an answer: the whole command, with the start of its process. */
import { CommandError, run } from '../../test/support/programs/command.js';
import { median } from '../statistics.js';
import type { Measured } from './figures.js';
import type { Contestant, MeasuredHost } from './host/measured-host.js';

const COMMANDS = ['status', 'endpoints', 'networks', 'pools', 'hosts', 'doctor'] as const;
const ROUNDS = 7;

/** All commands in turn, so that a disturbance hits each. */
export async function measureCommands({ program }: Contestant, { daemon }: MeasuredHost): Promise<Measured> {
  const times = new Map<string, number[]>(COMMANDS.map((command) => [command, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const command of COMMANDS) {
      const startedMs = performance.now();
      const words = [process.execPath, program, command, '--admin-socket', daemon.adminSocket];
      await run(words).catch(failUnlessAnswered);
      times.get(command)?.push(performance.now() - startedMs);
    }
  }
  return Object.fromEntries([...times].map(([command, taken]) => [`${command}CommandMs`, median(taken)]));
}

/** Exit code 1: hosts are silent, which are records. */
function failUnlessAnswered(error: unknown): void {
  if (!(error instanceof CommandError) || error.exitCode !== 1) throw error;
}

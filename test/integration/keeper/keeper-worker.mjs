/** A keeper for tests: `keeper-worker.mjs SOURCES DIRECTORY OPTIONS` keeps daemon-worker.mjs with the same arguments. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [sources, directory, optionText] = process.argv.slice(2);
const options = JSON.parse(optionText);
const { runKeeper } = await import(join(sources, 'keeper/keeper.js'));
const worker = join(dirname(fileURLToPath(import.meta.url)), 'daemon-worker.mjs');

process.exitCode = await runKeeper({
  command: [process.execPath, worker, ...process.argv.slice(2)],
  environment: process.env,
  ...(options.listensFirst && { listenFirst: join(directory, 'plugin.sock') }),
  ...options.keeper,
});

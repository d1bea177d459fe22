// Loaded before xnet's daemon (node --import): its wall clock is as many milliseconds from the machine's as the file
// says, which is read ten times a second. A missing file: not at all. The monotonic clock stays as it is, as it does
// when a machine's clock is set. The keeper and the commands keep the machine's clock.
import { readFileSync } from 'node:fs';

const FILE = '/run/lab/xnet-clock-offset';
const POLL_MS = 100;

if (process.argv[2] === 'daemon') {
  const MachineDate = globalThis.Date;
  let offsetMs = 0;
  const read = () => {
    try {
      offsetMs = Number(readFileSync(FILE, 'utf8'));
    } catch {
      offsetMs = 0;
    }
  };
  read();
  setInterval(read, POLL_MS).unref();
  const now = () => MachineDate.now() + offsetMs;
  globalThis.Date = new Proxy(MachineDate, {
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
    apply: () => new MachineDate(now()).toString(),
    get: (target, property) => (property === 'now' ? now : Reflect.get(target, property)),
  });
}

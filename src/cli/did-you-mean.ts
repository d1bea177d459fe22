/** What somebody meant by words that are no command of xnet: the whole command, to be run as it is printed. Pure. */
import { shellWord } from '../shell-word.js';

type Meant = (rest: readonly string[], hostname: string) => string | undefined;

/** By the first words; those with two come first. What stands behind `#` is for the reader. */
const MEANT: readonly (readonly [words: string, meant: Meant])[] = [
  ['network ls', () => 'xnet networks'],
  ['network list', () => 'xnet networks'],
  ['network inspect', ([name]) => `xnet network show ${name ?? 'NETWORK'}`],
  ['network show', ([name]) => (name === undefined ? 'xnet networks' : undefined)],
  ['network rm', ([name]) => `docker network rm ${name ?? 'NETWORK'}`],
  ['network create', ([name]) => `docker network create -d xnet --ipam-driver xnet ${name ?? 'NETWORK'}`],
  ['network', networkOf],
  ['networks', ([name]) => (name === undefined ? undefined : `xnet network show ${name}`)],
  ['host list', () => 'xnet hosts'],
  ['hosts rm', ([name]) => `xnet host rm ${name ?? 'HOST'}`],
  ['host', () => 'xnet hosts'],
  ['hosts', () => 'xnet hosts'],
  ['doctor', () => 'xnet doctor --all   # every host that is alive'],
  ['status', () => 'xnet doctor --all   # every host that is alive'],
  ['events', () => 'xnet events --all   # every host that is alive'],
  ['endpoints', ([name]) => `xnet endpoints --network ${name ?? 'NETWORK'}`],
  ['addresses', () => 'xnet networks   # and then: xnet addresses NETWORK'],
  ['names', () => 'xnet endpoints   # and then: xnet names CONTAINER'],
  ['pools', ([name]) => (name === undefined ? undefined : `xnet addresses ${name}`)],
  ['ping', () => 'xnet hosts   # and then: xnet ping HOST'],
  ['trace', traceOf],
  ['capture', (_, hostname) => `xnet capture ${hostname}   # this host; or a network or a container`],
  ['ps', () => 'xnet endpoints'],
  ['containers', () => 'xnet endpoints'],
  ['peers', () => 'xnet hosts'],
  ['logs', () => 'xnet events --since 1h'],
];

/** Options whose value is the next word, of commands whose words are read here. */
const WITH_VALUE = [
  ...['-o', '--output', '-w', '--watch', '--admin-socket'],
  ...['--network', '--host', '--since', '--count', '--size'],
];

/** `words`: of the command line, behind `xnet`. undefined: nothing is near, or the words are right but for an option. */
export function didYouMean(words: readonly string[], hostname: string): string | undefined {
  const plain = words.filter(
    (word, at) => !word.startsWith('-') && !WITH_VALUE.includes(words[at - 1] ?? ''),
  );
  const text = `${plain.join(' ')} `;
  const [begin, meant] = MEANT.find(([each]) => text.startsWith(`${each} `)) ?? [];
  const rest = plain.slice(begin?.split(' ').length).map(shellWord);
  return meant?.(rest, shellWord(hostname));
}

function networkOf([name, ...more]: readonly string[]): string | undefined {
  if (more.length > 0) return undefined;
  return name === undefined ? 'xnet networks' : `xnet network show ${name}`;
}

function traceOf([from, to, third = '']: readonly string[]): string {
  if (from === undefined) return 'xnet endpoints   # and then: xnet trace CONTAINER CONTAINER';
  if (to === undefined) return `xnet trace ${from} outside   # or another container or host`;
  const isPort = /^\d+$/.test(third) && !to.includes(':');
  return `xnet trace ${from} ${isPort ? `${to}:${third}` : to}`;
}

/**
 * `xnet completion SHELL` prints a script for the shell; on each TAB the script runs `xnet complete WORDS`, which prints the
 * candidates for the last of the words: commands, options, their values, and names of the cluster.
 */
import { type Argument, type Command, Argument as CommandArgument, type Option } from 'commander';
import { askDaemon } from './ask/ask-daemon.js';

const SCRIPTS = {
  bash: `_xnet() {
  mapfile -t COMPREPLY < <(xnet complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _xnet xnet
`,
  zsh: `#compdef xnet
_xnet() {
  local -a candidates
  candidates=(\${(f)"$(xnet complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)"})
  compadd -a candidates
}
compdef _xnet xnet
`,
  fish: `complete -c xnet -f -a '(xnet complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
`,
};

type Shell = keyof typeof SCRIPTS;

export function addCompletion(program: Command, adminSocket: string): void {
  const shells = Object.keys(SCRIPTS);
  program
    .command('completion')
    .description('print a script that completes the commands of xnet: source <(xnet completion bash)')
    .addArgument(new CommandArgument('<shell>').choices(shells))
    .action((shell: Shell) => void process.stdout.write(SCRIPTS[shell]));
  program
    .command('complete [words...]', { hidden: true })
    .description('print the candidates for the last of the words')
    .action(async (words: string[]) => {
      const found = await candidates(program, words, (kind) => namesOf(kind, adminSocket));
      process.stdout.write(found.map((each) => `${each}\n`).join(''));
    });
}

/** What argument or option may be completed with names of the cluster. */
export type NameKind = 'network' | 'host' | 'container';

/**
 * The candidates for the last of `words`; `--network=shop` is one word, or, as bash has it, three. `ask`: all names of that kind.
 * Names that a shell would not take as they are, are left out.
 */
export async function candidates(
  program: Command,
  words: readonly string[],
  ask: (kind: NameKind) => Promise<string[]>,
): Promise<string[]> {
  const [last = '', ...before] = [...words].reverse();
  const [, begin = '', flag, value] = /^((--[\w-]+)=)(.*)$/s.exec(last) ?? [];
  const { command, option, argumentsGiven } = follow(program, [...before.reverse(), ...(flag ? [flag] : [])]);
  const all = option
    ? await valuesOf(option.argChoices, valueNameOf(option), ask)
    : [
        ...(last.startsWith('-') ? command.options.flatMap(({ long }) => long ?? []) : []),
        ...(argumentsGiven === 0 ? commandsOf(command) : []),
        ...(await argumentValues(command.registeredArguments[argumentsGiven], ask)),
      ];
  const wanted = value ?? (option && last === '=' ? '' : last);
  return all.filter((each) => each.startsWith(wanted) && PLAIN.test(each)).map((each) => begin + each);
}

const PLAIN = /^[\p{L}\p{N}_.@%+,/-]+$/u;

function commandsOf(command: Command): string[] {
  const visible = command.createHelp().visibleCommands(command);
  return visible.map((each) => each.name());
}

interface Place {
  readonly command: Command;
  /** Its value comes next. */
  readonly option?: Option;
  readonly argumentsGiven: number;
}

function follow(program: Command, words: readonly string[]): Place {
  let place: Place = { command: program, argumentsGiven: 0 };
  for (const word of words) {
    const { command, option, argumentsGiven } = place;
    const [name, value] = word.split('=', 2);
    const begun = command.options.find(({ long, short }) => name === long || name === short);
    const inner = command.commands.find((each) => each.name() === word);
    if (option && word === '=') continue;
    if (option) place = { command, argumentsGiven };
    else if (begun?.required && value === undefined) place = { command, argumentsGiven, option: begun };
    else if (inner) place = { command: inner, argumentsGiven: 0 };
    else if (!word.startsWith('-')) place = { command, argumentsGiven: argumentsGiven + 1 };
  }
  return place;
}

/** `host` of `--on <host...>`. */
function valueNameOf({ flags }: Option): string {
  return /[<[]([\w|]+)/.exec(flags)?.[1] ?? '';
}

function argumentValues(
  argument: Argument | undefined,
  ask: (kind: NameKind) => Promise<string[]>,
): Promise<string[]> {
  return argument ? valuesOf(argument.argChoices, argument.name(), ask) : Promise.resolve([]);
}

async function valuesOf(
  choices: readonly string[] | undefined,
  name: string,
  ask: (kind: NameKind) => Promise<string[]>,
): Promise<string[]> {
  if (choices) return [...choices];
  const kinds = name
    .split('|')
    .filter((kind): kind is NameKind => ['network', 'host', 'container'].includes(kind));
  return (await Promise.all(kinds.map(ask))).flat();
}

async function namesOf(kind: NameKind, adminSocket: string): Promise<string[]> {
  if (kind === 'host') return (await askDaemon(adminSocket, 'hosts', {})).flatMap(({ name }) => name ?? []);
  if (kind === 'network')
    return (await askDaemon(adminSocket, 'networks', {})).items.flatMap(({ name }) => name ?? []);
  const { items } = await askDaemon(adminSocket, 'endpoints', {});
  return [...new Set(items.flatMap(({ container }) => container?.name ?? []))];
}

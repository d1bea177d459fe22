/** Whether Docker reaches xnet, and nobody but root does. The functions that judge are pure. */
import { stat } from 'node:fs/promises';
import { request } from 'node:http';
import { sleepRunning } from '../concurrency/deadline.js';
import { errorMessage } from '../errors.js';
import { type Upkeep, upkeepOf } from '../upkeep.js';
import { allWell, failure, type Judgement, wordOfLine } from './finding.js';

/** Of the whole answer, however slowly it comes; less than a check may take. */
const PATIENCE_MS = 3_000;
/** More is no answer to this question. */
const LONGEST = 1 << 16;
const FOR_OTHERS = 0o077;

/** As Docker finds a plugin (moby: pkg/plugins): the answer of who listens at the socket's path, or why there is none. */
export interface PluginSocket {
  readonly path: string;
  readonly answer: string | undefined;
  readonly problem: string | undefined;
}

export function askPlugin(path: string): Promise<PluginSocket> {
  return new Promise((resolve) => {
    const end = (answer: string | undefined, problem?: string) => resolve({ path, answer, problem });
    const options = { socketPath: path, path: '/Plugin.Activate', method: 'POST', agent: false };
    const asked = request(options, (response) => {
      let text = '';
      response.on('data', (part) => {
        text += part;
        if (text.length > LONGEST) asked.destroy();
      });
      response.on('end', () => end(text));
      response.on('error', (error) => end(undefined, reasonOf(error)));
      response.on('close', () => end(text));
    });
    const ended = new AbortController();
    void sleepRunning(PATIENCE_MS, ended.signal).then(() => {
      end(undefined, `no answer in ${PATIENCE_MS} ms`);
      asked.destroy();
    });
    asked.on('error', (error: NodeJS.ErrnoException) => end(undefined, reasonOf(error)));
    asked.on('close', () => ended.abort('closed'));
    asked.end();
  });
}

function reasonOf(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return 'there is no such file';
  if (error.code === 'ECONNREFUSED') return 'nobody listens there';
  return errorMessage(error);
}

/** `restart`: the command that makes the socket anew. */
export function judgePlugin(
  { path: own, answer, problem }: PluginSocket,
  modes: readonly SocketMode[],
  restart: string,
  upkeep: Upkeep = upkeepOf(undefined),
): readonly Judgement[] {
  const path = upkeep.hostPath(own);
  const isOurs = answer !== undefined && /NetworkDriver/.test(answer) && /IpamDriver/.test(answer);
  const found = problem ?? (isOurs ? undefined : 'another program answers there');
  return allWell(
    [
      ...(found === undefined
        ? []
        : [
            failure(
              `Docker does not reach xnet at ${path}: ${found}; no container of its networks starts or ends as it should`,
              restart,
            ),
          ]),
      ...modes.flatMap((each) => judgeMode({ ...each, path: upkeep.hostPath(each.path) })),
    ],
    `Docker reaches xnet at ${path}`,
  );
}

export interface SocketMode {
  readonly path: string;
  /** undefined: there is none. */
  readonly mode: number | undefined;
}

export function readModes(paths: readonly string[]): Promise<SocketMode[]> {
  return Promise.all(
    paths.map(async (path) => ({
      path,
      mode: await stat(path).then(
        ({ mode }) => mode,
        () => undefined,
      ),
    })),
  );
}

function judgeMode({ path, mode = 0 }: SocketMode): Judgement[] {
  if ((mode & FOR_OTHERS) === 0) return [];
  const bits = (mode & 0o777).toString(8);
  return [
    failure(`${path} has mode ${bits}: others than root may command xnet`, `chmod 600 ${wordOfLine(path)}`),
  ];
}

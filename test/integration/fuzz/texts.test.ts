/** What people read on a terminal: names of containers, other hosts and devices stand in it, and write nothing on it but themselves. */
import { execFileSync } from 'node:child_process';
import { expect } from '@jest/globals';
import fc from 'fast-check';
import { parse } from 'yaml';
import type { z } from 'zod';
import { OPERATIONS } from '../../../src/admin/operations.js';
import {
  ADDRESSES,
  ENDPOINTS,
  HOSTS,
  NAMES,
  NETWORKS,
  networkText,
  POOLS,
} from '../../../src/cli/lists/tables.js';
import { doctorText } from '../../../src/cli/looks/doctor.js';
import { pingText } from '../../../src/cli/looks/ping.js';
import { traceText } from '../../../src/cli/looks/trace.js';
import { FORMATS, formatAnswer, table } from '../../../src/cli/output/output.js';
import { formatStatus } from '../../../src/server/status-text.js';
import { shellWord } from '../../../src/shell-word.js';
import { fuzz } from '../../support/fuzz/fuzz.js';
import { hostileJson, hostileText } from '../../support/fuzz/hostile.js';
import { ofSchema } from '../../support/fuzz/of-schema.js';

/** Of C0 and C1, lines alone; no line of Unicode's own; no change of direction, by which a text reads otherwise than it is. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const WRITES = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

type Texts = {
  readonly [Name in keyof typeof OPERATIONS]?: (
    answer: z.output<(typeof OPERATIONS)[Name]['answer']>,
  ) => string;
};
const TEXTS: Texts = {
  status: formatStatus,
  doctor: doctorText,
  trace: traceText,
  ping: pingText,
  network: networkText,
  hosts: (hosts) => table(hosts, HOSTS),
  networks: ({ items }) => table(items, NETWORKS),
  endpoints: ({ items }) => table(items, ENDPOINTS),
  pools: ({ items }) => table(items, POOLS),
  addresses: ({ items }) => table(items, ADDRESSES),
  names: ({ items }) => table(items, NAMES),
};

for (const [name, asText] of Object.entries(TEXTS)) {
  const { answer } = OPERATIONS[name as keyof typeof OPERATIONS];
  fuzz(
    `no answer of ${name} writes anything on a terminal but itself`,
    { runs: 25, corpus: `text-${name}`, inputs: [ofSchema(answer as z.ZodType)] },
    async (value) => {
      for (const format of FORMATS)
        expect(await formatAnswer(value, format, asText as (answer: unknown) => string)).not.toMatch(WRITES);
    },
  );
}

fuzz(
  'a word of a command is one word of a shell, with the same text',
  {
    runs: 20,
    corpus: 'shell-words',
    inputs: [
      fc.array(
        hostileText.map((text) => text.replaceAll('\u0000', '').toWellFormed()),
        { minLength: 1, maxLength: 30 },
      ),
    ],
  },
  (texts) => {
    const words = texts.map(shellWord);
    for (const word of words) expect(word.replaceAll('\n', '')).not.toMatch(WRITES);
    const printed = execFileSync('bash', ['-c', `printf '%s\\0' ${words.join(' ')}`], { encoding: 'utf8' });
    expect(printed.split('\u0000').slice(0, -1)).toEqual(texts);
  },
);

fuzz(
  'JSON and YAML in which nothing acts on a terminal are read as what they were made of',
  { runs: 300, corpus: 'documents', inputs: [hostileJson] },
  async (value) => {
    const given = JSON.parse(JSON.stringify(value));
    expect(JSON.parse(await formatAnswer(given, 'json', String))).toEqual(given);
    expect(parse(await formatAnswer(given, 'yaml', String))).toEqual(given);
  },
);

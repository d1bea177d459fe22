/** The place at which a probe, or its answer, vanished. */
import { describe, expect, test } from '@jest/globals';
import type { ProbePlace } from '../../../src/dataplane/probing.js';
import { SOMEWHERE } from '../../../src/trace/plan.js';
import { type Probe, probeRows, type Sight } from '../../../src/trace/probe-rows.js';
import type { Side, Trace } from '../../../src/trace/trace.js';

function side(number: number): Side {
  const label = number === 1 ? 'web' : 'db';
  const host = { id: `id${number}`, name: `h${number}`, state: 'alive', vtep: `192.0.2.${number}` } as const;
  return { label, host, networks: ['shop'], container: { id: label, name: label }, facts: {} };
}

const [FROM, TO] = [side(1), side(2)];
const PLACES: readonly (readonly [Side, ProbePlace])[] = [
  [FROM, 'interface'],
  [FROM, 'tunnel'],
  [FROM, 'underlay'],
  [TO, 'underlay'],
  [TO, 'tunnel'],
  [TO, 'interface'],
];
const NETWORK = { id: 'n', mode: 'overlay' as const, name: 'shop', vni: 7, subnets: [], isInternal: false };
const TRACE: Trace = { from: FROM, to: TO, network: NETWORK, destination: '10.1.0.2', protocol: 'icmp' };

/** A letter for each place: `b`oth passed, the `r`equest alone, `n`othing, `?` nobody looked. */
function probe(letters: string, more: Partial<Probe> = {}): Probe {
  const sights = [...letters].map((letter, at): Sight => {
    const [of, place] = PLACES[at] as (typeof PLACES)[number];
    if (letter === '?') return { side: of, place, seen: { refusal: 'cut off' } };
    const answers = letter === 'b' ? ['echo reply'] : [];
    return { side: of, place, seen: { place, request: letter !== 'n', answers } };
  });
  return { sights, ...more };
}

function verdicts(given: Probe, trace = TRACE): string {
  const letters = { ok: 'o', fault: 'F', unknown: '?', 'does not apply': '-' };
  return probeRows(trace, given)
    .map(({ verdict }) => letters[verdict])
    .join('');
}

function firstFault(given: Probe, trace = TRACE) {
  return probeRows(trace, given).find(({ verdict }) => verdict === 'fault');
}

describe('a probe', () => {
  test('that passed everywhere, both ways', () => expect(verdicts(probe('bbbbbb'))).toBe('ooooooo'));

  test.each([
    ['nnnnnn', 'F-----F', 'the packet vanished before interface on h1'],
    ['rrnnnn', '--F---F', 'the packet vanished between tunnel on h1 and underlay on h1'],
    ['rrrnnn', '---F--F', 'the packet vanished between underlay on h1 and underlay on h2'],
    ['rrr?nn', '---?F-F', 'the packet vanished between underlay on h1 and tunnel on h2'],
    ['rrrrrr', '-----FF', 'the packet arrived; db did not answer'],
    ['rrrbbb', '--FoooF', 'the packet passed; its answer vanished between underlay on h2 and underlay on h1'],
    ['rbbbbb', 'FoooooF', 'the packet passed; its answer vanished between tunnel on h1 and interface on h1'],
  ])('%s', (letters, expected, found) => {
    expect(verdicts(probe(letters))).toBe(expected);
    expect(firstFault(probe(letters))?.found).toBe(found);
  });

  test('where a host does not look, nothing of it is a fault', () => {
    expect(verdicts(probe('rrr???'))).toBe('---???F');
    expect(verdicts(probe('bbb???'))).toBe('ooo???o');
    expect(verdicts(probe('??????', { refusal: 'h1 is silent' }))).toBe('???????');
  });

  test('that the kernel does not send', () => {
    const { found, remedy } = firstFault(probe('nnnnnn', { errno: 'EPERM' })) ?? {};
    expect([found, remedy]).toEqual([
      'the kernel did not send it: EPERM',
      expect.stringMatching(/own firewall/),
    ]);
    expect(verdicts(probe('nnnnnn', { errno: 'EPERM' }))).toBe('F-----F');
  });

  test('of UDP needs no answer', () => {
    expect(verdicts(probe('rrrrrr'), { ...TRACE, protocol: 'udp', port: 53 })).toBe('-------');
  });

  test('to a router that does not answer is no fault, once it has left the host', () => {
    const host = { name: 'outside', state: 'unknown' } as const;
    const outside: Side = { label: 'outside', host, networks: [], facts: { refusal: '' } };
    const { network: _, ...apart } = TRACE;
    const trace: Trace = { ...apart, to: outside, destination: SOMEWHERE };
    expect(verdicts(probe('rrr'), trace)).toBe('----');
    expect(verdicts(probe('rrn'), trace)).toBe('--FF');
    expect(verdicts(probe('rrr'), { ...trace, destination: '198.51.100.7' })).toBe('--FF');
  });

  test('that is refused is a fault of the answer', () => {
    const refused = probe('bbbbbb').sights.map((sight) => ({
      ...sight,
      seen: { place: sight.place, request: true, answers: ['refused'] },
    }));
    expect(firstFault({ sights: refused }, { ...TRACE, protocol: 'tcp', port: 80 })).toMatchObject({
      hop: 'probe: answer',
      remedy: 'start a program in db that listens at TCP 80',
    });
  });
});

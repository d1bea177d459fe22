import { z } from 'zod';

/** Without a dot, which separates a VLAN in `-o parent`. */
const LAN_NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,14}$/;
const INTERFACE = /^[^\s/]{1,15}$/;

/** `NAME=INTERFACE,...`: what the interfaces of this host are called in the whole cluster. */
export const parents = z
  .union(
    [
      z.string().transform((list) => pairsIn(list.split(','))),
      z.array(z.string()).transform((list) => pairsIn(list.flatMap((item) => item.split(',')))),
      z.record(z.string(), z.string()).transform((map) => Object.entries(map)),
    ],
    'must be NAME=INTERFACE,...',
  )
  .superRefine((pairs, context) => {
    const wrong = pairs.find(([name, device]) => !LAN_NAME.test(name) || !INTERFACE.test(device));
    const names = pairs.map(([name]) => name);
    const double = names.find((name, index) => names.indexOf(name) !== index);
    const refuse = (message: string) => context.addIssue({ code: 'custom', message, input: pairs });
    if (wrong) {
      refuse(
        `${wrong.join('=')} must be NAME=INTERFACE, as in office=eth1: a name of 1 to 15 letters, digits, _ and - that begins with a letter, and the name of an interface`,
      );
    }
    if (double !== undefined) refuse(`must name ${double} once`);
  })
  .transform((pairs): Readonly<Record<string, string>> => Object.fromEntries(pairs));

function pairsIn(items: readonly string[]): [string, string][] {
  return items.map((item) => {
    const cut = item.indexOf('=');
    return cut < 0 ? [item.trim(), ''] : [item.slice(0, cut).trim(), item.slice(cut + 1).trim()];
  });
}

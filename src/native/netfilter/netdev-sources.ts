/** From which addresses the chains of a table in the ingress of devices let frames pass: the inverse of netdev-ports.ts. */
import { attributesOf, NLM_F } from '../netlink/netlink.js';
import { ipText } from '../netlink/texts.js';
import { askNetfilter, text } from './netfilter.js';
import { FAMILIES, NFT, valueIn } from './nft-messages.js';

const RULE = { TABLE: 1, CHAIN: 2, EXPRESSIONS: 4 } as const;
const EXPRESSION = { NAME: 1, DATA: 2 } as const;
const COMPARE_DATA = 3;
const VALUE = 1;
/** Of an address; a frame's type has two bytes. */
const ADDRESS_BYTES = [4, 16];

/** Chain -> addresses, sorted; no chain that compares none. None without the table. Throws as `askNetfilter`. */
export function readPortSources(path: string | undefined, table: string): Map<string, string[]> {
  const name = text(RULE.TABLE, table);
  const message = { type: NFT.GET_RULE, flags: NLM_F.DUMP, family: FAMILIES.netdev, attributes: [name] };
  const found = new Map<string, string[]>();
  for (const { attributes } of askNetfilter(path, [message], `nftables' table netdev ${table}`)) {
    if (wordIn(attributes, RULE.TABLE) !== table) continue;
    const chain = wordIn(attributes, RULE.CHAIN);
    const sources = addressesIn(valueIn(attributes, RULE.EXPRESSIONS) ?? Buffer.alloc(0));
    if (sources.length > 0) found.set(chain, [...(found.get(chain) ?? []), ...sources].sort());
  }
  return found;
}

function addressesIn(expressions: Buffer): string[] {
  return [...attributesOf(expressions)].flatMap(({ value: expression }) => {
    if (wordIn(expression, EXPRESSION.NAME) !== 'cmp') return [];
    const compared = valueIn(valueIn(expression, EXPRESSION.DATA) ?? Buffer.alloc(0), COMPARE_DATA);
    const bytes = compared && valueIn(compared, VALUE);
    return bytes && ADDRESS_BYTES.includes(bytes.length) ? [ipText(bytes)] : [];
  });
}

function wordIn(attributes: Buffer, wanted: number): string {
  return (valueIn(attributes, wanted)?.toString('latin1') ?? '').replace(/\0$/, '');
}

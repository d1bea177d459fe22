import { NLM_F } from '../netlink/netlink.js';
import { askNetfilter } from './netfilter.js';
import { FAMILIES, type Family, NFT, valueIn } from './nft-messages.js';

/** NFTA_TABLE_NAME */
const NAME = 1;

/** Names of the tables of a family in the namespace at `path`. Throws what `askNetfilter` does. */
export function listTables(path: string, family: Family): string[] {
  const message = { family: FAMILIES[family], type: NFT.GET_TABLE, flags: NLM_F.DUMP };
  const answers = askNetfilter(path, [message], `nftables' tables of family ${family}`);
  return answers.flatMap(({ attributes }) => {
    const name = valueIn(attributes, NAME);
    return name ? [name.toString('latin1').replace(/\0$/, '')] : [];
  });
}

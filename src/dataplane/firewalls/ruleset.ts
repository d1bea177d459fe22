/** What `nft -j -a list ruleset` prints, of which chains and rules are read. */
import { z } from 'zod';

const chain = z.object({
  ...{ family: z.string(), table: z.string(), name: z.string() },
  ...{ hook: z.string().optional(), policy: z.string().optional() },
});
export type NftChain = z.infer<typeof chain>;

const rule = z.object({
  ...{ family: z.string(), table: z.string(), chain: z.string(), handle: z.number() },
  /** As libnftables-json(5) has them. */
  expr: z.array(z.record(z.string(), z.unknown())),
});
export type NftRule = z.infer<typeof rule>;

const ruleset = z.object({
  nftables: z.array(z.object({ chain: chain.optional(), rule: rule.optional() })),
});

export interface NftRuleset {
  readonly chains: readonly NftChain[];
  /** In the order of each chain. */
  readonly rules: readonly NftRule[];
}

/** Throws for another text. */
export function parseRuleset(text: string): NftRuleset {
  const items = ruleset.parse(JSON.parse(text)).nftables;
  return {
    chains: items.flatMap(({ chain }) => chain ?? []),
    rules: items.flatMap(({ rule }) => rule ?? []),
  };
}

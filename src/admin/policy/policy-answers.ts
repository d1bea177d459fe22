/** Policies, as people write them and as they are answered. */
import { z } from 'zod';
import { MOST_POLICIES, policyDocument } from '../../model/policy/policy.js';
import { asOf } from '../answers.js';

const count = z.number().int();
const texts = z.array(z.string()).readonly();

export const policies = z.array(policyDocument).min(1).max(MOST_POLICIES);

export const policiesAnswer = z.object({ asOf, items: z.array(policyDocument).readonly() });

export const policyAnswer = z.object({
  asOf,
  policy: policyDocument,
  /** Containers that it selects. */
  selected: z.array(
    z.object({ container: z.string(), network: z.string(), host: z.string(), isInForce: z.boolean() }),
  ),
  /** Of all hosts that answer. */
  hits: z.array(count).readonly(),
  denied: count,
  /** Hosts that did not answer. */
  refusals: z.array(z.object({ host: z.string(), refusal: z.string() })),
});

export const appliedAnswer = z.object({
  items: z.array(z.object({ policy: z.string(), outcome: z.enum(['created', 'changed', 'unchanged']) })),
  /** Containers that they select where they are not in force. */
  notInForce: z.array(
    z.object({
      policy: z.string(),
      container: z.string(),
      network: z.string(),
      host: z.string(),
      mode: z.string(),
    }),
  ),
  /** What does not hold of them, in words. */
  notes: texts,
  /** Why it could not be read for which containers they are not in force, though they are applied. */
  unread: z.string().optional(),
});

export const removedAnswer = z.object({ policy: z.string() });

export const policyTestAnswer = z.object({
  asOf,
  /** Of each network that both are in. */
  networks: z.array(
    z.object({
      network: z.string(),
      verdict: z.enum(['allowed', 'denied', 'audit']),
      /** What decides. */
      why: z.string(),
    }),
  ),
  /** What became of a packet that was really sent. */
  probe: z.object({ verdict: z.enum(['passed', 'lost', 'unknown']), found: z.string() }),
});

export const learnedAnswer = z.object({
  policies: z.array(policyDocument).readonly(),
  /** Connections that no policy can say: of containers without labels of their own. */
  unsaid: texts,
  seconds: count,
  refusals: z.array(z.object({ host: z.string(), refusal: z.string() })),
});

/** The steps of a trace: what the host that was asked by a person asks the hosts of both ends. They go through the store as JSON. */
import { z } from 'zod';
import { PROBE_PLACES, probeFlow } from '../../../dataplane/probing.js';
import { lookRequest } from '../../../trace/facts.js';

const text = z.string().min(1).max(512);
export const containerOfStep = z.object({ containerId: text.optional(), endpointId: text.optional() });

/** One step of a trace. */
export const step = z.discriminatedUnion('step', [
  z.object({ step: z.literal('find'), wanted: text }),
  z.object({ step: z.literal('look'), look: lookRequest }),
  z.object({
    step: z.literal('arm'),
    probeId: text,
    container: containerOfStep,
    site: z.object({
      mac: text.optional(),
      endpoint: z.object({ networkId: text, endpointId: text }).optional(),
      isRouted: z.boolean().optional(),
      peer: text.optional(),
    }),
    places: z.array(z.enum(PROBE_PLACES)).max(8),
    flow: probeFlow,
  }),
  z.object({ step: z.literal('send'), container: containerOfStep, flow: probeFlow }),
  z.object({ step: z.literal('seen'), probeId: text, isLast: z.boolean() }),
]);
export type Step = z.infer<typeof step>;
export type StepOf<K extends Step['step']> = Extract<Step, { step: K }>;

/** A container that Docker has. */
export const inDocker = z.object({
  id: z.string(),
  name: z.string(),
  /** It shares its host's network namespace. */
  isOfHost: z.boolean(),
});
export type InDocker = z.infer<typeof inDocker>;

/** Answers of what looks for faults: the doctor, traces, pings. */
import { z } from 'zod';
import { asOf } from './answers.js';
import { pairAnswer } from './status-answer.js';

const count = z.number().int();

/** What one check of the doctor found: see src/doctor/finding.ts. */
const finding = z.object({
  check: z.string(),
  verdict: z.enum(['ok', 'warning', 'failure']),
  found: z.string(),
  remedy: z.string().optional(),
});
export type FindingItem = z.infer<typeof finding>;

export const findings = z.array(finding).readonly();

/** Of each host that was asked. */
export const doctorAnswer = z.object({
  hosts: z
    .array(
      z.object({
        host: z.string(),
        findings,
        /** Why another host does not answer. */
        refusal: z.string().optional(),
      }),
    )
    .readonly(),
});

/** A hop of a packet's way: see src/trace/trace.ts. */
const hopItem = z.object({
  host: z.string(),
  hop: z.string(),
  verdict: z.enum(['ok', 'fault', 'unknown', 'does not apply']),
  expected: z.string(),
  /** Of `unknown` and `does not apply` the reason. */
  found: z.string(),
  /** Command that mends it, to be run on the host. */
  remedy: z.string().optional(),
});
export type HopItem = z.infer<typeof hopItem>;

export const traceAnswer = z.object({
  asOf,
  from: z.string(),
  to: z.string(),
  /** Absent: they have none in common. */
  network: z.string().optional(),
  protocol: z.enum(['icmp', 'tcp', 'udp']),
  port: count.optional(),
  hops: z.array(hopItem).readonly(),
});

/** Packets to another host on one way. */
const pingedWay = z.object({
  sent: count,
  answered: count,
  roundTripsMs: z.array(z.number()).readonly(),
  minMs: z.number().optional(),
  averageMs: z.number().optional(),
  maxMs: z.number().optional(),
  /** The largest packet that passes, in bytes; absent: none does. */
  largest: count.optional(),
  /** The largest that shall pass. */
  needed: count,
  /** Why nothing was sent. */
  problem: z.string().optional(),
});

export const pingAnswer = z.object({
  host: z.string(),
  vtep: z.string(),
  /** VTEP of this host. */
  from: z.string(),
  /** Of each packet, with its IP header. */
  bytes: count,
  tunnel: pingedWay,
  underlay: pingedWay,
  /** The way of routed networks' packets; absent: this host shares none with it. */
  pair: pairAnswer.optional(),
  /** For people. */
  meaning: z.string(),
});

/** What a container was refused outside. A field that is absent does not apply. */
const refusedItem = z.object({
  /** A name that it asked for; of packets the address that they were for. */
  target: z.string(),
  kind: z.enum(['name', 'packets']),
  /** Of packets: tcp, udp, icmp, ... */
  protocol: z.string().optional(),
  port: z.number().int().optional(),
  count: z.number().int(),
  /** Of the last (ISO 8601). */
  at: z.string(),
  /** Of a name. */
  why: z.string().optional(),
});
export type RefusedItem = z.infer<typeof refusedItem>;

export const egressLogAnswer = z.object({
  container: z.string(),
  /** Its label xnet.egress.allow. */
  allow: z.string().optional(),
  /** The latest last. */
  items: z.array(refusedItem).readonly(),
});

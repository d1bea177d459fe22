import type { LanAnswers, LanQuestions } from '../../../src/ipam/lan/lan-questions.js';

/** A LAN, in memory, with devices that come and go; all pools are on it. */
export class LanOfDevices implements LanQuestions {
  /** MACs by address. */
  readonly devices = new Map<string, string>();
  /** Each question: its addresses. */
  readonly asked: string[][] = [];
  /** For how long each was asked. */
  readonly waits: number[] = [];
  isUp = true;

  constructor(private readonly isLan = true) {}

  isOnLan(): boolean {
    return this.isLan;
  }

  async whoHas(_: string, addresses: readonly string[], waitMs: number): Promise<LanAnswers | undefined> {
    if (!this.isUp) return undefined;
    this.asked.push([...addresses]);
    this.waits.push(waitMs);
    const known = addresses.map((address) => [address, this.devices.get(address)] as const);
    const devices = new Map(known.filter((each): each is readonly [string, string] => each[1] !== undefined));
    return { interface: 'eth1', devices };
  }
}

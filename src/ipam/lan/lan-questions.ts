/** What the IPAM asks of the LANs that networks are on; src/host/ hands it the real ones. */
export interface LanQuestions {
  /** Whether containers with addresses of the pool are on a LAN. Of memory alone: it is asked at each start. */
  isOnLan(poolKey: string): boolean;
  /**
   * Asks the LAN who has these plain addresses, at most `waitMs` and what a busy host needs. Undefined, at once: this host cannot
   * ask it now. `isForStart`: a container is about to come, for which the kernel has what it needs to reach the LAN, or gets it. Never
   * rejects.
   */
  whoHas(
    poolKey: string,
    addresses: readonly string[],
    waitMs: number,
    isForStart?: boolean,
  ): Promise<LanAnswers | undefined>;
}

export interface LanAnswers {
  /** Of this host, on the LAN. */
  readonly interface: string;
  /** MACs of devices that are none of a network's, by address. */
  readonly devices: ReadonlyMap<string, string>;
}

export const NO_LANS: LanQuestions = {
  isOnLan: () => false,
  whoHas: async () => undefined,
};

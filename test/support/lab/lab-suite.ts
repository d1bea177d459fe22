/**
 * A lab for the tests of a file: up before the first, the leak check after every one, down after the last. When a test
 * fails, the ends of the logs of dockerd and xnet are printed.
 */
import { afterAll, afterEach, beforeAll, describe, test } from '@jest/globals';
import { Lab, type LabOptions } from './lab.js';
import { LeakCheck } from './leak-check.js';

interface TestOptions {
  readonly timeoutMs?: number;
  /** xnet may log errors in this test; otherwise one that it logs fails the test. */
  readonly logsErrors?: boolean;
}

export type LabTest = (title: string, body: (lab: Lab) => Promise<void>, options?: TestOptions) => void;

/** Covers what Docker itself may take: it goes on for 15 s with each of three calls to a plugin that is away. */
const TIMEOUT_MS = 120_000;

export function describeInLab(topic: string, options: LabOptions, suite: (test: LabTest) => void): void {
  describe(topic, () => {
    const place = new Place(topic, options);
    beforeAll(() => place.open(), 300_000);
    afterEach(() => place.check(), 180_000);
    afterAll(() => place.close(), 120_000);
    suite((title, body, options = {}) => {
      test(title, () => place.run(body, options), options.timeoutMs ?? TIMEOUT_MS);
    });
  });
}

class Place {
  readonly #name: string;
  #lab: Lab | undefined;
  #leakCheck: LeakCheck | undefined;

  constructor(
    topic: string,
    private readonly options: LabOptions,
  ) {
    this.#name = topic
      .replaceAll(/[^a-z0-9]+/gi, '-')
      .slice(0, 16)
      .toLowerCase();
  }

  async open(): Promise<void> {
    this.#lab = await Lab.up(this.#name, this.options);
    this.#leakCheck = await LeakCheck.of(this.#lab);
  }

  async close(): Promise<void> {
    await this.#lab?.down();
    this.#lab = undefined;
  }

  async run(body: (lab: Lab) => Promise<void>, { logsErrors = false }: TestOptions): Promise<void> {
    if (!this.#lab) throw new Error('the lab is not up');
    const before = await this.#lab.xnetErrors();
    try {
      await body(this.#lab);
      const errors = (await this.#lab.xnetErrors()).filter((line) => !before.includes(line));
      if (!logsErrors && errors.length > 0) throw new Error(`xnet logged errors:\n${errors.join('\n')}`);
    } catch (error) {
      await this.#printLogs();
      throw error;
    }
  }

  /** After a leak the next test gets a new lab, so that it is not disturbed. */
  async check(): Promise<void> {
    try {
      await this.#leakCheck?.cleanAndCheck();
    } catch (error) {
      await this.#printLogs();
      await this.close();
      await this.open();
      throw error;
    }
  }

  async #printLogs(): Promise<void> {
    console.error(await this.#lab?.logTails());
  }
}

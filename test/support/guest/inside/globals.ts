/** What a test imports from `@jest/globals`, in the guest: the same parts of jest, without its module system. */
import * as circus from 'jest-circus';
import { jestExpect } from './expect.js';

export const expect = jestExpect;
export const { afterAll, afterEach, beforeAll, beforeEach, describe, it, test } = circus;

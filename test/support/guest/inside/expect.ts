/** Instead of `@jest/expect`, which adds snapshots, and with them Babel. */
import { expect } from 'expect';

export const jestExpect = expect;

/** The user story with hosts of two versions of xnet; `test/versions/run` builds the older one. */
import { CompatibilityColumn } from '../support/lab/compatibility.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { USER_STORY } from '../support/stories/user-story.js';

const old = process.env.TEST_OLD_SOURCE;
if (old === undefined) throw new Error('start this with test/versions/run COMMIT');

/** What a version of Docker can do is the affair of another test. */
const nowhere = new CompatibilityColumn(new Map(), '');

for (const host of ['h1', 'h2', 'h3']) {
  describeInLab(`${host} is older`, { hosts: 3, sources: { [host]: old } }, (test) => {
    for (const [title, runChapter] of Object.entries(USER_STORY))
      test(title, (lab) => runChapter(lab, nowhere), { timeoutMs: 240_000 });
  });
}

/** The same user story on every version of Docker that the lab has; docs/compatibility.md says how it ended. */
import { describe, expect, test as jestTest } from '@jest/globals';
import { runContainer } from '../support/containers/containers.js';
import {
  CompatibilityTable,
  readCompatibilityTable,
  writeCompatibilityTable,
} from '../support/lab/compatibility.js';
import type { Engine } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import {
  CREATE_WITH_PLUGIN,
  createWithPlugin,
  disablePlugin,
  enablePlugin,
  expectAdopted,
} from '../support/lab/plugin.js';
import { USER_STORY } from '../support/stories/user-story.js';
import { eventually } from '../support/time/eventually.js';

const ENGINES = ['20.10', '26', '28'] satisfies Engine[];

const table = new CompatibilityTable();

for (const engine of ENGINES) {
  describeInLab(`Docker ${engine}`, { hosts: 2, engine }, (test) => {
    for (const [title, tell] of Object.entries(USER_STORY))
      test(title, async (lab) => tell(lab, await table.on(lab, 'h1')), { timeoutMs: 240_000 });
  });
}

describeInLab('mixed plugins', { hosts: 3, engines: { h2: '26', h3: '20.10' }, plugin: true }, (test) => {
  test(
    'a network of the managed plugin joins hosts with all versions',
    async (lab) => {
      const columns = await Promise.all(lab.hosts.map((host) => table.on(lab, host)));
      await createWithPlugin(lab, 'shop');
      const containers = await Promise.all(
        lab.hosts.map((host) => runContainer(lab, host, 'shop', { name: `web-${host}` })),
      );
      const expectMeetings = async () => {
        for (const [index, from] of containers.entries()) {
          const to = containers[(index + 1) % containers.length] as typeof from;
          await eventually(async () => expect(await from.greetOverTcp(to.name)).toBe(to.name));
        }
      };
      await expectMeetings();
      for (const column of columns) column.saw('versions of Docker mixed in one network');

      await Promise.all(lab.hosts.map((host) => disablePlugin(lab, host)));
      for (const host of lab.hosts) await enablePlugin(lab, host);
      for (const host of lab.hosts) await expectAdopted(lab, host, 1);
      await expectMeetings();
      for (const column of columns)
        column.saw('managed plugin: `docker plugin install`, `disable`, `enable`, `-d xnet:latest`');
      for (const [index, host] of lab.hosts.entries()) {
        await lab.docker(host, ...CREATE_WITH_PLUGIN, `of-${host}`);
        const last = lab.hosts.at(index - 1) as string;
        await eventually(() => lab.docker(last, 'network', 'rm', `of-${host}`));
      }
    },
    { timeoutMs: 240_000 },
  );
});

describe('docs/compatibility.md', () => {
  jestTest('says what was seen; WRITE_COMPATIBILITY=1 writes it', () => {
    if (process.env.WRITE_COMPATIBILITY) writeCompatibilityTable(`${table}`);
    expect(readCompatibilityTable()).toBe(`${table}`);
  });
});

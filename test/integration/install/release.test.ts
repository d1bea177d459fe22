/** What `npm version` runs (release/), but for the building of packages, which compares them itself. */
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { BuildDirectory, CHECKOUT } from '../../support/lab/installed.js';
import { refusalOf, run } from '../../support/programs/command.js';

test('the list of libraries is the same each time, and has what package.json names', async () => {
  const env = { SOURCE_DATE_EPOCH: '1800000000' };
  const list = () => run(['node', 'release/sbom.mjs'], { directory: CHECKOUT, env });
  const sbom = await list();
  expect(librariesOf(sbom)).toEqual(await dependencies());
  expect(await list()).toBe(sbom);
}, 120_000);

test('the changelog gets the version and its date once, and only where there is something new', async () => {
  await using build = await BuildDirectory.create();
  const file = join(build.path, 'CHANGELOG.md');
  await cp(join(CHECKOUT, 'CHANGELOG.md'), file);
  const release = (version: string) =>
    run(['node', join(CHECKOUT, 'release/changelog.mjs'), version], { directory: build.path });
  await release('0.2.0');
  const date = new Date().toISOString().slice(0, 10);
  expect(await readFile(file, 'utf8')).toContain(`## [Unreleased]\n\n## [0.2.0] - ${date}\n\n### Added\n`);
  expect(await refusalOf(release('0.2.0'))).toMatch(/has 0\.2\.0 already/);
  expect(await refusalOf(release('0.3.0'))).toMatch(/nothing under "Unreleased"/);
  expect(await refusalOf(release('next'))).toMatch(/"next" is no version such as 1\.2\.3/);
  await writeFile(file, '# Changelog\n');
  expect(await refusalOf(release('0.3.0'))).toMatch(/nothing under "Unreleased"/);
});

/** Those that package.json names; an SBOM has these and theirs. */
async function dependencies(): Promise<string[]> {
  const manifest = JSON.parse(await readFile(join(CHECKOUT, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  return Object.keys(manifest.dependencies).sort();
}

function librariesOf(sbom: string): string[] {
  const { metadata, dependencies } = JSON.parse(sbom) as {
    metadata: { component: { 'bom-ref': string } };
    dependencies: { ref: string; dependsOn: string[] }[];
  };
  const own = dependencies.find(({ ref }) => ref === metadata.component['bom-ref']);
  return (own?.dependsOn ?? []).map((ref) => ref.replace(/@[^@]*$/, '')).sort();
}

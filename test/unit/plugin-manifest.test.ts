/** The managed plugin's manifest and its page cannot drift from the code. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { listSettings } from '../../src/config/schema.js';

interface Manifest {
  readonly linux: { readonly capabilities: readonly string[] };
  readonly mounts: readonly { readonly name: string; readonly source: string }[];
  readonly env: readonly { readonly name: string; readonly settable: readonly string[] }[];
}

const manifest: Manifest = JSON.parse(readFileSync('config.json', 'utf8'));
const page = readFileSync('docs/plugin.md', 'utf8');

describe("the plugin's manifest", () => {
  test('lets every setting of xnet serve be set', () => {
    expect(manifest.env.map(({ name }) => name)).toEqual(listSettings().map(({ variable }) => variable));
    expect(manifest.env.filter(({ settable }) => !settable.includes('value'))).toEqual([]);
  });

  test('asks for nothing without a reason on its page', () => {
    const asked = [...manifest.linux.capabilities, ...manifest.mounts.map(({ source }) => source)];
    for (const what of asked) expect(page).toContain(`| \`${what}\` |`);
  });
});

import { readFileSync } from 'node:fs';
import { version } from './version.js';

test('the version is that of the package', () => {
  const { version: published } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  expect(version).toBe(published);
});

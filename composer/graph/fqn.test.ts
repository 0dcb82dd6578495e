import { fqn } from './fqn.js';

test.each([
  ['foo', '/_/foo'],
  ['p/foo', '/_/p/foo'],
  ['ns/p/foo', '/ns/p/foo'],
  ['/ns/foo', '/ns/foo'],
  ['/ns/p/foo', '/ns/p/foo'],
  [' foo\n', '/_/foo'],
  ['a..b/...', '/_/a..b/...'],
])('%j is the action %s', (name, full) => expect(fqn(name)).toBe(full));

test.each(['', ' ', '/', '//', '/a', 'a/b/c/d', '/a/b/c/d', 'p//foo', 'p/ ', '.', ' .. ', './foo', '/ns/p/..'])(
  '%j is no name',
  (name) => expect(() => fqn(name)).toThrow('Name is not valid'),
);

test('what is no text is no name', () => expect(() => fqn(5)).toThrow('Name must be a string'));

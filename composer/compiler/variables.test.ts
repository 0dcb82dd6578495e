import { Script } from 'node:vm';
import { isHarmless } from './compile.js';

const declarable = (name: string): boolean => {
  try {
    new Script(`(function(){var ${name}=0})`);
    return true;
  } catch {
    return false;
  }
};

test.each(
  (
    'abstract as async await boolean break byte case catch char class const continue debugger default delete do double else ' +
    'enum export extends false final finally float for from function get goto if implements import in instanceof int ' +
    'interface let long module native new null of package private protected public return set short static super switch ' +
    'synchronized this throw throws transient true try typeof undefined using var void volatile while with yield x $ _y'
  ).split(' '),
)('a variable called "%s" is harmless when it can be declared', (name) => {
  expect(isHarmless(name)).toBe(declarable(name));
});

test.each(['arguments', 'eval', 'require', '', '1', 'a b', 'a;b', 'é', '__proto__ '])(
  'a variable called "%s" is not harmless',
  (name) => expect(isHarmless(name)).toBe(false),
);

import { indented, isJson, membersOf, objectOf } from './json-text.js';

const WRITTEN = [
  '{}',
  '[]',
  '{"a":{},"b":[]}',
  '{"a":[1,{"b":"}],:{["},[[]]],"c\\"\\\\":"\\\\","":null}',
  '[[[1,2],[]],{"x":{"y":[true,false]}}]',
  '"a \\" text"',
  '5',
];

test.each(WRITTEN)('%s is indented as JavaScript does it', (json) => {
  expect(indented(json)).toBe(JSON.stringify(JSON.parse(json), null, 2));
  expect(indented(JSON.stringify(JSON.parse(json), null, '\t\r\n'))).toBe(indented(json));
});

test('members are found by name, as they are written', () => {
  const json = ' { "a" : 1.0 , "\\u0062":[ 1e400, {"a":2} ],"__proto__":{"x":-0},"a":"last","d":{} } ';
  expect([...membersOf(json)]).toEqual([
    ['a', '"last"'],
    ['b', '[1e400,{"a":2}]'],
    ['__proto__', '{"x":-0}'],
    ['d', '{}'],
  ]);
  expect(objectOf(membersOf(json))).toBe('{"a":"last","b":[1e400,{"a":2}],"__proto__":{"x":-0},"d":{}}');
  expect(objectOf(membersOf('{}'))).toBe('{}');
});

test.each([
  '1',
  '-0',
  '12345678901234567890',
  '1e-400',
  '"1e400"',
  ' [1] ',
  'null',
  `${'['.repeat(50_000)}${']'.repeat(50_000)}`,
])('%.20s is JSON', (text) => expect(isJson(text)).toBe(true));

test.each(['', '01', '1e400', '-1e400', '[{"a":1e999}]', '1 2', "'a'", 'NaN', 'Infinity', '{"a":1,}'])(
  '%s is a text',
  (text) => expect(isJson(text)).toBe(false),
);

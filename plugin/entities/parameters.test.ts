import { withDefaults } from './parameters.js';

const completed = (below: string, body: string): string =>
  withDefaults(
    JSON.parse(below) as Record<string, unknown>,
    JSON.parse(body === '' ? '{}' : body) as Record<string, unknown>,
    Buffer.from(body),
  ).toString();

test.each([
  ['{"a":1,"b":2}', '{"a":12345678901234567890}', '{"b":2,"a":12345678901234567890}'],
  ['{"a":1}', ' { "x" : 1e400, "y":1.0 } ', '{"a":1, "x" : 1e400, "y":1.0 } '],
  ['{"a":1}', '{}', '{"a":1}'],
  ['{"a":1}', ' { } ', '{"a":1 } '],
  ['{"a":1}', '', '{"a":1}'],
  ['{}', '{"x":-0}', '{"x":-0}'],
  ['{"a":1}', '{"a":{"b":"}{"}}', '{"a":{"b":"}{"}}'],
  ['{"__proto__":{"x":1},"b":2}', '{"c":3}', '{"__proto__":{"x":1},"b":2,"c":3}'],
  ['{"__proto__":{"x":1},"b":2}', '{"__proto__":3}', '{"b":2,"__proto__":3}'],
])('%s below %j is %s', (below, body, merged) => expect(completed(below, body)).toBe(merged));

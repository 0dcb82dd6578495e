import { jsonComplaint } from './json-complaint.js';

const complaint = (text: string): string => jsonComplaint(Buffer.from(text));

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

test.each([
  ['', 'Unexpected end-of-input at input index 0 (line 1, position 1), expected JSON Value:\n\n^\n'],
  ['{', "Unexpected end-of-input at input index 1 (line 1, position 2), expected '\"':\n{\n ^\n"],
  [
    '{"a":1} x',
    'Unexpected character \'x\' at input index 8 (line 1, position 9), expected end-of-input:\n{"a":1} x\n        ^\n',
  ],
  ["{'a':1}", "Unexpected character ''' at input index 1 (line 1, position 2), expected '\"':\n{'a':1}\n ^\n"],
  ['\ufeff{}', "Unexpected character 'ï' at input index 0 (line 1, position 1), expected JSON Value:\n\ufeff{}\n^\n"],
  [
    '{"a":"\u0001"}',
    'Unexpected character \'\\u0001\' at input index 6 (line 1, position 7), expected \'"\':\n{"a":"?"}\n      ^\n',
  ],
  [
    '{"a":1,}',
    "Unexpected character '}' at input index 7 (line 1, position 8), expected '\"':\n{\"a\":1,}\n       ^\n",
  ],
  [
    '[1,\n 2,,\n3]',
    "Unexpected character ',' at input index 7 (line 2, position 4), expected JSON Value:\n 2,,\n   ^\n",
  ],
  ['[1\n', "Unexpected end-of-input at input index 3 (line 2, position 1), expected ']':\n\n^\n"],
  ['{"a" 1}', "Unexpected character '1' at input index 5 (line 1, position 6), expected ':':\n{\"a\" 1}\n     ^\n"],
  [
    '{"a":1 "b"',
    'Unexpected character \'"\' at input index 7 (line 1, position 8), expected \'}\':\n{"a":1 "b"\n       ^\n',
  ],
  ['trux', "Unexpected character 'x' at input index 0 (line 1, position 1), expected JSON Value:\ntrux\n^\n"],
  ['-', 'Unexpected end-of-input at input index 1 (line 1, position 2), expected DIGIT:\n-\n ^\n'],
  ['1.e', "Unexpected character 'e' at input index 2 (line 1, position 3), expected DIGIT:\n1.e\n  ^\n"],
  [
    '"\\x"',
    'Unexpected character \'x\' at input index 2 (line 1, position 3), expected JSON escape sequence:\n"\\x"\n  ^\n',
  ],
  [
    '"\\u12g4"',
    'Unexpected character \'g\' at input index 5 (line 1, position 6), expected hex digit:\n"\\u12g4"\n     ^\n',
  ],
])('%j: as the parser of OpenWhisk says it', (text, expected) => {
  expect(complaint(text)).toBe(expected);
});

test('of a long line only the part around the fault is told, and a whole letter more or less', () => {
  const text = complaint(`{"${'ü'.repeat(100_000)}":${'x'.repeat(100_000)}}`);
  expect(text).toMatch(
    /^Unexpected character 'x' at input index 200004 \(line 1, position 200005\), expected JSON Value:\n/,
  );
  expect(text.length).toBeLessThan(300);
  const [, line, caret] = text.split('\n');
  expect(line!.slice(caret!.indexOf('^'))).toMatch(/^x+$/);
});

test('nesting without end takes no stack', () => {
  expect(complaint('['.repeat(1_000_000))).toMatch(/^Unexpected end-of-input at input index 1000000 /);
});

test('every text that is cut or has a byte too many is told where it ends to be JSON', () => {
  const whole = '{"a": [1, -2.5e+3, true, null, "\\u00e4\\n"], "b": {"c": {}, "d": []}}';
  for (let at = 0; at < whole.length; at++) {
    for (const text of [
      whole.slice(0, at),
      `${whole.slice(0, at)}#${whole.slice(at)}`,
      `${whole.slice(0, at)}\u0000`,
    ]) {
      if (isJson(text)) continue;
      const index = Number(/^Unexpected .+ at input index (\d+) \(line 1, position /s.exec(complaint(text))?.[1]);
      expect(index).toBeLessThanOrEqual(at + 1);
    }
  }
});

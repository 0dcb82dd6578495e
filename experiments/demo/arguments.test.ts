import { parseDemoArguments } from './arguments.js';
import { UsageError } from '../platform/usage-error.js';

describe('arguments of the demo', () => {
  it('are all optional', () => {
    expect(parseDemoArguments([], {})).toEqual({ json: false, help: false });
  });

  it('take the folder from the flag before the environment', () => {
    const environment = { DATAFLOWER_INPUTS: '/books' };
    expect(parseDemoArguments(['--json'], environment)).toEqual({ json: true, help: false, input: '/books' });
    expect(parseDemoArguments(['--input', '/other'], environment).input).toBe('/other');
    expect(parseDemoArguments([], { DATAFLOWER_INPUTS: '' })).not.toHaveProperty('input');
  });

  it('name a platform that runs by address and key together', () => {
    expect(parseDemoArguments(['--apihost', 'http://127.0.0.1:3233/', '--auth', 'a:b'], {}).server).toEqual({
      url: 'http://127.0.0.1:3233',
      authorization: 'a:b',
    });
    expect(() => parseDemoArguments(['--auth', 'a:b'], {})).toThrow('--apihost and --auth go together.');
    expect(() => parseDemoArguments(['--apihost', 'x:1', '--auth', 'a:b'], {})).toThrow(
      '--apihost x:1 is no http URL.',
    );
  });

  it('that are wrong are refused with the usage', () => {
    expect(() => parseDemoArguments(['--jsn'], {})).toThrow(UsageError);
    expect(() => parseDemoArguments(['--input'], {})).toThrow(/usage: npm run demo/);
    expect(() => parseDemoArguments(['book.txt'], {})).toThrow(UsageError);
  });
});
